"""Machine code of ELF programs: system calls and the constants of sensitive calls."""
