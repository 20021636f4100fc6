"""System call numbers of Linux, for the calls that say what a program can do.

Source: the kernel's user-space headers (``asm/unistd*.h``, ``asm-generic/unistd.h``) of
Linux 6.16. MIPS numbers are the table's plus the base of their ABI (``asm/unistd.h``).
A number that is not here is a call that tells nothing about remote access or control.
"""

from __future__ import annotations

from typing import Final

ABIS: Final = ("x86_64", "i386", "arm", "generic", "o32", "n64", "n32", "ppc")
_BASES: Final = {"o32": 4000, "n64": 5000, "n32": 6000}
_TABLE: Final = """
accept              43   -  285 202 168  42  42 330
accept4            288 364  366 242 334 293 297 344
bind                49 361  282 200 169  48  48 327
bpf                321 357  386 280 355 315 319 361
chroot             161  61   61  51  61 156 156  61
clone               56 120  120 220 120  55  55 120
connect             42 362  283 203 170  41  41 328
delete_module      176 129  129 106 129 169 169 129
dup2                33  63   63   -  63  32  32  63
dup3               292 330  358  24 327 286 290 316
execve              59  11   11 221  11  57  57  11
execveat           322 358  387 281 356 316 320 362
finit_module       313 350  379 273 348 307 312 353
fork                57   2    2   -   2  56  56   2
init_module        175 128  128 105 128 168 168 128
ioperm             173 101    -   - 101   -   - 101
iopl               172 110    -   - 110   -   - 110
kexec_file_load    320   -  401 294   -   -   - 382
kexec_load         246 283  347 104 311 270 274 268
listen              50 363  284 201 174  49  49 329
memfd_create       319 356  385 279 354 314 318 360
mount              165  21   21  40  21 160 160  21
open_by_handle_at  304 342  371 265 340 299 304 346
perf_event_open    298 336  364 241 333 292 296 319
pidfd_getfd        438 438  438 438 438 438 438 438
pivot_root         155 217  218  41 216 151 151 203
prctl              157 172  172 167 192 153 153 171
process_vm_readv   310 347  376 270 345 304 309 351
process_vm_writev  311 348  377 271 346 305 310 352
ptrace             101  26   26 117  26  99  99  26
reboot             169  88   88 142  88 164 164  88
recvfrom            45 371  292 207 176  44  44 337
recvmsg             47 372  297 212 177  46  46 342
sendmsg             46 370  296 211 179  45  45 341
sendto              44 369  290 206 180  43  43 335
setns              308 346  375 268 344 303 308 350
setresuid          117 208  208 147 185 115 115 164
setreuid           113 203  203 145  70 111 111  70
setsockopt          54 366  294 208 181  53  53 339
settimeofday       164  79   79 170  79 159 159  79
setuid             105 213  213 146  23 103 103  23
socket              41 359  281 198 183  40  40 326
socketcall           - 102    -   - 102   -   - 102
umount2            166  52   52  39  52 161 161  52
unshare            272 310  337  97 303 262 266 282
write                1   4    4  64   4   1   1   4
writev              20 146  146  66 146  19  19 146
vfork               58 190  190   -   -   -   - 189
"""

SOCKETCALLS: Final = {
    1: "socket",
    2: "bind",
    3: "connect",
    4: "listen",
    5: "accept",
    9: "send",
    10: "recv",
    11: "sendto",
    12: "recvfrom",
    14: "setsockopt",
    16: "sendmsg",
    17: "recvmsg",
    18: "accept4",
}
"""First argument of ``socketcall`` (``linux/net.h``)."""


def _numbers() -> dict[str, dict[int, str]]:
    found: dict[str, dict[int, str]] = {abi: {} for abi in ABIS}
    for line in _TABLE.strip().splitlines():
        name, *numbers = line.split()
        for abi, number in zip(ABIS, numbers, strict=True):
            if number != "-":
                found[abi][_BASES.get(abi, 0) + int(number)] = name
    return found


NUMBERS: Final = _numbers()
"""Per ABI: number to name."""
