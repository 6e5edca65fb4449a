// What the checks under Wine need beside the program: helper hold PATH MILLISECONDS keeps a file open that nobody else may
// delete or rename meanwhile, as virus scanners do; helper interrupt FILES COMMAND runs a command line and sends it Ctrl-C
// once there is a file of that pattern.
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>

static int hold(const wchar_t *path, DWORD milliseconds) {
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        fprintf(stderr, "cannot hold it: error %lu\n", GetLastError());
        return 1;
    }
    puts("held");
    fflush(stdout);
    Sleep(milliseconds);
    CloseHandle(file);
    return 0;
}

static int interrupt(const wchar_t *files, wchar_t *command) {
    WIN32_FIND_DATAW found;
    HANDLE search;
    STARTUPINFOW start = {.cb = sizeof start};
    PROCESS_INFORMATION process;
    DWORD code = 1;
    if (!CreateProcessW(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &start, &process)) {
        fprintf(stderr, "cannot run it: error %lu\n", GetLastError());
        return 1;
    }
    while (WaitForSingleObject(process.hProcess, 50) == WAIT_TIMEOUT) {
        search = FindFirstFileW(files, &found);
        if (search != INVALID_HANDLE_VALUE) {
            FindClose(search);
            break;
        }
    }
    // Ctrl-C goes to all that share the console.
    SetConsoleCtrlHandler(NULL, TRUE);
    if (!GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0)) {
        fprintf(stderr, "cannot send Ctrl-C: error %lu\n", GetLastError());
    }
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &code);
    return (int)code;
}

int wmain(int count, wchar_t **arguments) {
    if (count == 4 && wcscmp(arguments[1], L"hold") == 0)
        return hold(arguments[2], wcstoul(arguments[3], NULL, 10));
    if (count == 4 && wcscmp(arguments[1], L"interrupt") == 0)
        return interrupt(arguments[2], arguments[3]);
    fputs("helper hold PATH MILLISECONDS | helper interrupt FILES COMMAND\n", stderr);
    return 2;
}
