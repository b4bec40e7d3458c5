// Starts the 64-bit PROGRAM with its own arguments, and ends as that ends. A 32-bit Node tells a child which pipes it has in
// a form that no 64-bit runtime reads under Wine. A child of this program gets nothing but their handles.

#include <windows.h>

int wmain(void) {
  STARTUPINFOW startup = {
      .cb = sizeof startup,
      .dwFlags = STARTF_USESTDHANDLES,
      .hStdInput = GetStdHandle(STD_INPUT_HANDLE),
      .hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE),
      .hStdError = GetStdHandle(STD_ERROR_HANDLE),
  };
  PROCESS_INFORMATION child;
  DWORD code;
  if (!CreateProcessW(PROGRAM, GetCommandLineW(), NULL, NULL, TRUE, 0, NULL, NULL, &startup, &child)) return 1;
  WaitForSingleObject(child.hProcess, INFINITE);
  return GetExitCodeProcess(child.hProcess, &code) ? (int)code : 1;
}
