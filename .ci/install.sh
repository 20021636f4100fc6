#!/bin/sh
# Installs fwverify from this bundle, without a network.
#
#   sh install.sh [FOLDER]     default: /opt/fwverify as root, else ~/.local/share/fwverify
#
# Checks every file of the bundle first, makes a virtual environment in FOLDER, installs
# the bundled wheels by their hashes and prints where the program lies. Needs the Python
# that the bundle was made for; needs neither pip nor ensurepip, which come along.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)

die() { printf 'install: %s\n' "$*" >&2; exit 1; }

case "${1:-}" in
-h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
-*) die "unknown option $1 (usage: sh install.sh [FOLDER])" ;;
esac
if [ "$#" -gt 1 ]; then die "one folder at most (usage: sh install.sh [FOLDER])"; fi

if [ -n "${1:-}" ]; then
    folder=$1
elif [ "$(id -u)" = 0 ]; then
    folder=/opt/fwverify
else
    folder=${HOME:?}/.local/share/fwverify
fi
if [ -e "$folder" ] && [ ! -f "$folder/pyvenv.cfg" ]; then
    die "$folder exists and is no earlier installation"
fi

command -v sha256sum >/dev/null 2>&1 || die "sha256sum is missing: install coreutils"
(cd "$here" && sha256sum --quiet --strict -c SHA256SUMS) ||
    die "the bundle is damaged: a file differs from SHA256SUMS"
# A file that SHA256SUMS does not name is refused too: pip would look at it.
listed=$(sed 's/^[0-9a-f]*  //' "$here/SHA256SUMS" | LC_ALL=C sort)
present=$(cd "$here" && find . -type f ! -name SHA256SUMS | sed 's,^\./,,' | LC_ALL=C sort)
[ "$listed" = "$present" ] || die "the bundle is damaged: it holds files that SHA256SUMS does not name"

. "$here/platform"
identify='import platform, sys; print("%d.%d %s" % (*sys.version_info[:2], platform.machine()))'
for python in ${PYTHON:-"python$bundle_python" python3}; do
    found=$("$python" -c "$identify" 2>/dev/null) || continue
    [ "$found" = "$bundle_python $bundle_machine" ] && break
    found=
done
[ -n "${found:-}" ] ||
    die "this bundle is for Python $bundle_python on $bundle_machine; no such Python on PATH (set PYTHON)"

mkdir -p "$(dirname -- "$folder")"
old="$folder.old"
if [ -e "$folder" ]; then
    rm -rf "$old"
    mv "$folder" "$old"
fi
done=no
restore() {
    [ $done = yes ] && return
    rm -rf "$folder"
    if [ -e "$old" ]; then mv "$old" "$folder"; fi
}
trap restore EXIT
trap 'exit 130' INT TERM

"$python" -m venv --without-pip "$folder" ||
    die "$python lacks the venv module (Debian: package python3-venv)"
# The machine's pip configuration has no say: what is installed is what lies here.
pip() {
    PIP_CONFIG_FILE=/dev/null PYTHONPATH="$(echo "$here"/wheels/pip-*.whl)" \
        "$folder/bin/python" -m pip install --isolated --no-input --disable-pip-version-check \
        --quiet --no-cache-dir --no-index --no-deps --find-links "$here/wheels" "$@"
}
pip --require-hashes -r "$here/requirements.txt" || die "the packages could not be installed"
pip "$(echo "$here"/fwverify-*.whl)" || die "fwverify could not be installed"
"$folder/bin/fwverify" --help >/dev/null || die "the installed program does not start"
done=yes
rm -rf "$old"
printf 'installed: %s\n' "$folder/bin/fwverify"
printf 'next: %s doctor\n' "$folder/bin/fwverify"
