/* Declarations of the Windows functions that the look-alikes import; never run. */
#ifndef LOOKALIKE_WINDOWS_H
#define LOOKALIKE_WINDOWS_H
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef void *handle;
#define FROM(library) __declspec(dllimport)
FROM(kernel32) void GetSystemTimeAsFileTime(u64 *);
FROM(kernel32) int GetFileTime(handle, u64 *, u64 *, u64 *);
FROM(kernel32) handle CreateFileA(const char *, u32, u32, void *, u32, u32, handle);
FROM(kernel32) int ReadFile(handle, void *, u32, u32 *, void *);
FROM(kernel32) int WriteFile(handle, const void *, u32, u32 *, void *);
FROM(kernel32) u32 GetModuleFileNameA(handle, char *, u32);
FROM(kernel32) handle CreateToolhelp32Snapshot(u32, u32);
FROM(kernel32) int Process32First(handle, void *);
FROM(kernel32) int Process32Next(handle, void *);
FROM(kernel32) void Sleep(u32);
FROM(kernel32) void *VirtualAlloc(void *, u64, u32, u32);
FROM(kernel32) int VirtualProtect(void *, u64, u32, u32 *);
FROM(kernel32) int CreateProcessA(const char *, char *, void *, void *, int, u32, void *, const char *, void *, void *);
FROM(kernel32) void ExitProcess(u32);
FROM(advapi32) int RegOpenKeyExA(handle, const char *, u32, u32, handle *);
FROM(advapi32) int RegSetValueExA(handle, const char *, u32, u32, const void *, u32);
FROM(iphlpapi) u32 GetAdaptersInfo(void *, u32 *);
FROM(wininet) handle InternetOpenA(const char *, u32, const char *, const char *, u32);
FROM(wininet) handle InternetOpenUrlA(handle, const char *, const char *, u32, u32, u64);
FROM(wininet) int InternetReadFile(handle, void *, u32, u32 *);
FROM(ws2_32) void *gethostbyname(const char *);
#define KEPT __attribute__((used, noinline))
#endif
