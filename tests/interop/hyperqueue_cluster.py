#!/usr/bin/env python3
"""Runs a command as the tasks of a HyperQueue array: a server and a worker are started here, and end with it.

    python3 tests/interop/hyperqueue_cluster.py FOLDER CORES TASKS COMMAND...

FOLDER keeps the server's files and what the tasks say, CORES is how many tasks run side by side, and each of
the tasks 0 to TASKS - 1 runs COMMAND with its number in HQ_TASK_ID. Needs hyperqueue from PyPI. Exits 1
when a task failed, and says which.
"""

import sys
from pathlib import Path

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig


def main():
    folder, cores, tasks, *command = sys.argv[1:]
    folder = Path(folder).absolute()
    with LocalCluster(server_dir=str(folder / "server"), worker_config=WorkerConfig(cores=int(cores))) as cluster:
        client = cluster.client()
        # One that fails does not stop the others.
        job = Job(max_fails=None, name="sweep")
        for task in range(int(tasks)):
            job.program(command, stdout=None, stderr=str(folder / f"task-{task}.log"), env={"RAYON_NUM_THREADS": "1"})
        submitted = client.submit(job)
        if client.wait_for_jobs([submitted], raise_on_error=False):
            return 0
        for task, failed in client.get_failed_tasks(submitted).items():
            print(f"task {task}: {failed.error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
