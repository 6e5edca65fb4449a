//! Launches recorded once and launched again without the work of launching (CubeCL's graphs).

use burn_wgpu::CubeTensor;
use cubecl::client::{Client, Graph};

use super::step_state::StepState;

/// A recording in the making: what is launched on its adapter now warms up its memory and pipelines.
pub struct Prepared(Window);

/// Launches that can be replayed.
pub struct Recording(Graph);

/// Closes what was begun, however it ends.
struct Window {
    client: Client,
    is_open: bool,
}

impl Drop for Window {
    fn drop(&mut self) {
        if self.is_open {
            // The recording is thrown away: there is nobody to tell why it failed.
            drop(self.client.stop_capture());
        }
    }
}

/// Begins to prepare a recording on the adapter of `state`; one is prepared or made at a time.
///
/// # Errors
/// The adapter's reason against it.
pub fn prepare(state: &StepState) -> Result<Prepared, String> {
    let CubeTensor { client, .. } = state.current();
    client.graph_prepare().map_err(|error| error.to_string())?;
    Ok(Prepared(Window {
        client: client.clone(),
        is_open: true,
    }))
}

impl Prepared {
    /// Records what `work` launches, and launches nothing of it. The same work was done before, since this was
    /// prepared.
    ///
    /// # Errors
    /// Why it cannot be replayed, beside what `work` gives. What it was to write must not be read then.
    pub fn record<T>(mut self, work: impl FnOnce() -> T) -> Result<(T, Recording), String> {
        let window = &mut self.0;
        let opened = window.client.start_capture();
        opened.map_err(|error| error.to_string())?;
        let found = work();
        window.is_open = false;
        match window.client.stop_capture() {
            Ok(graph) => Ok((found, Recording(graph))),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Recording {
    /// Queues the launches once more.
    ///
    /// # Errors
    /// The adapter's reason against it.
    pub fn replay(&self) -> Result<(), String> {
        // SAFETY: on wgpu, the one runtime of this crate, a graph guards every page that its launches were given
        // memory on: nothing there moves, is released or given to others while the graph lives. One thread trains on
        // an adapter, and all of its launches, writes and reads go through one stream, in order.
        unsafe { self.0.replay() }.map_err(|error| error.to_string())
    }
}
