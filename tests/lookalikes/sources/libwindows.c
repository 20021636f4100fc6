/* Names only, one library each: what the linker needs to see of Windows. */
#define NAME(name) __declspec(dllexport) void name(void) {}
#if defined(KERNEL32)
NAME(GetSystemTimeAsFileTime) NAME(GetFileTime) NAME(CreateFileA) NAME(ReadFile) NAME(WriteFile)
NAME(GetModuleFileNameA) NAME(CreateToolhelp32Snapshot) NAME(Process32First) NAME(Process32Next)
NAME(Sleep) NAME(VirtualAlloc) NAME(VirtualProtect) NAME(CreateProcessA) NAME(ExitProcess)
#elif defined(ADVAPI32)
NAME(RegOpenKeyExA) NAME(RegSetValueExA)
#elif defined(IPHLPAPI)
NAME(GetAdaptersInfo)
#elif defined(WININET)
NAME(InternetOpenA) NAME(InternetOpenUrlA) NAME(InternetReadFile)
#elif defined(WS2_32)
NAME(gethostbyname)
#endif
