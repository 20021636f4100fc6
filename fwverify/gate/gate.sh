#!/bin/sh
# May this update be installed here and now? The same as `fwverify gate`, for a device:
# POSIX sh, awk, openssl and sha256sum. Nothing is analysed and nothing is sent.
#
#   gate.sh UPDATE --release FILE --context FILE --pins FILE --revocations FILE [--at TIME]
#
# UPDATE is a file, or a folder of files; TIME is like 2026-01-31T23:59:59Z (default: now).
# Exit 0: a valid release. 4: refused. 5: something is missing to judge by. 2: usage.
# Take the pins, and this file, from a place that nobody else writes. Install from where
# the update was hashed, and let nobody write there in between.
set -eu
LC_ALL=C
export LC_ALL
umask 077
IFS=' 	
'
unset -v CDPATH ENV 2>/dev/null || :

MAX_BYTES=1048576
MAX_LINES=10000
MAX_LINE=4096
MAX_SIGNATURES=16

usage() { printf 'gate: %s\n' "$1" >&2; exit 2; }
missing() { printf 'missing %s: %s\n' "$1" "$2"; exit 5; }
refuse() { printf 'refused %s: %s\n' "$1" "$2"; exit 4; }

update='' release='' context='' pins='' revocations='' at=''
while [ $# -gt 0 ]; do
    case $1 in
        --release|--context|--pins|--revocations|--at)
            [ $# -ge 2 ] && [ -n "$2" ] || usage "$1 needs a value"
            case $1 in
                --release) [ -z "$release" ] || usage "$1 twice"; release=$2 ;;
                --context) [ -z "$context" ] || usage "$1 twice"; context=$2 ;;
                --pins) [ -z "$pins" ] || usage "$1 twice"; pins=$2 ;;
                --revocations) [ -z "$revocations" ] || usage "$1 twice"; revocations=$2 ;;
                --at) [ -z "$at" ] || usage "$1 twice"; at=$2 ;;
            esac
            shift 2 ;;
        -*) usage "no such option: $1" ;;
        *) [ -z "$update" ] || usage 'one UPDATE at a time'; update=$1; shift ;;
    esac
done
[ -n "$update" ] && [ -n "$release" ] && [ -n "$context" ] && [ -n "$pins" ] &&
    [ -n "$revocations" ] || usage 'UPDATE, --release, --context, --pins, --revocations'
case $update in /*) ;; *) update=./$update ;; esac
for tool in awk openssl sha256sum tr wc head tail cat mkdir rm date find; do
    command -v "$tool" >/dev/null 2>&1 || missing "$tool" 'the program is not here'
done

# A folder of our own: mkdir fails where the name is taken, by a link too.
work=${TMPDIR:-/tmp}/fwverify-gate.$$
mkdir "$work" 2>/dev/null || missing temporary "cannot make $work"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM

# The same rules as fwverify/gate/form.py, "FORMS": key:type, with * where it is repeated.
bound='subject:hex kind:file/set size:number member:member* context:hex config:hex policy:hex
trust:hex rules:hex baseline:none report:hex at:time'
ends='submitter:text not-before:time not-after:time'
verdict_form="$bound verdict:ALLOW $ends"
release_form="$bound verdict:ALLOW/REVIEW/INCOMPLETE/DENY $ends
mode:regular/interim/emergency accept:text* condition:text*"
pins_form='release-key:key* revocation-key:key*'
revocations_form='number:number this-update:time next-update:time release:hex* subject:hex* key:hex*'

cat >"$work/form.awk" <<'AWK'
function fail(why) { print "line " NR ": " why; failed = 1; exit 1 }
function hex(v) { return length(v) == 64 && v ~ /^[0-9a-f]+$/ }
function number(v) { return v == "0" || (length(v) <= 15 && v ~ /^[1-9][0-9]*$/) }
function time(v,  y, m, d, days) {
    if (length(v) != 20) return 0
    if (v !~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-5][0-9]:[0-5][0-9]Z$/)
        return 0
    if (substr(v, 12, 2) + 0 > 23) return 0
    y = substr(v, 1, 4) + 0; m = substr(v, 6, 2) + 0; d = substr(v, 9, 2) + 0
    if (m < 1 || m > 12 || d < 1) return 0
    days = substr("312831303130313130313031", 2 * m - 1, 2) + 0
    if (m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0)) days = 29
    return d <= days
}
function text(v) { gsub(/%(25|[89A-F][0-9A-F])/, "", v); return index(v, "%") == 0 }
function path(v,  rest, n, part, i) {
    rest = v
    gsub(/%(21|25|5C|7F|0[1-9A-F]|1[0-9A-F]|[89A-F][0-9A-F])/, "", rest)
    if (index(rest, "%") || index(rest, "!") || index(rest, "\\")) return 0
    n = split(v, part, "/")
    for (i = 1; i <= n; i++) if (part[i] == "" || part[i] == "." || part[i] == "..") return 0
    return n > 0
}
function cut(v,  i) { # first word to `word`, the rest is returned
    i = index(v, " ")
    if (i == 0) { word = v; return "" }
    word = substr(v, 1, i - 1)
    return substr(v, i + 1)
}
function member(v) {
    v = cut(v); if (!hex(word)) return 0
    v = cut(v); if (!number(word)) return 0
    return v != "" && path(v)
}
function signature(v) {
    v = cut(v); if (!hex(word)) return 0
    v = cut(v); if (word != "ed25519" && word != "ecdsa-p256-sha256") return 0
    return v ~ /^[A-Za-z0-9+\/]+=?=?$/ && length(v) % 4 == 0
}
function keyline(v,  i, first, rest) {
    rest = v; first = ""
    for (i = 1; i <= 3; i++) { rest = cut(rest); first = first (i > 1 ? " " : "") word }
    if (!signature(first) || rest == "" || substr(rest, 1, 1) == " ") return 0
    return text(rest)
}
function one_of(type, v,  n, part, i) {
    n = split(type, part, "/")
    for (i = 1; i <= n; i++) if (part[i] "" == v "") return 1
    return 0
}
function fits(type, v) {
    if (type == "hex") return hex(v)
    if (type == "none") return v == "-" || hex(v)
    if (type == "number") return number(v)
    if (type == "time") return time(v)
    if (type == "text") return text(v)
    if (type == "member") return member(v)
    if (type == "key") return keyline(v)
    return one_of(type, v)
}
BEGIN {
    count = split(form, item, " ")
    for (i = 1; i <= count; i++) {
        split(item[i], half, ":")
        name[i] = half[1]; type[i] = half[2]; many[i] = sub(/\*$/, "", type[i])
    }
    place = 1; seen = 0; signatures = 0; before = ""
}
length($0) > max_line || NR > max_lines { fail("too long") }
NR == 1 { if ($0 "" != domain "") fail("another domain"); print >body; next }
{
    i = index($0, ": ")
    if (i == 0) fail("no key: value")
    key = substr($0, 1, i - 1); value = substr($0, i + 2)
    if (value == "" || value ~ /^ / || value ~ / $/) fail("no key: value")
    if (key == "signature") {
        if (!signature(value)) fail("no signature")
        cut(value)
        if (signatures && !(word "" > before "")) fail("signatures out of order")
        before = word; signatures++
        if (signatures > max_signatures || pinned) fail("too many signatures")
        print value >sigs
        next
    }
    if (signatures) fail("below a signature")
    while (place <= count && key "" != name[place] "") {
        if (!many[place] && !seen) fail(name[place] " is missing")
        place++; seen = 0; last = ""
    }
    if (place > count) fail("unknown key, twice or elsewhere")
    if (!fits(type[place], value)) fail(key " has no value of its kind")
    if (seen && !many[place]) fail(key " stands twice")
    if (seen && !(value "" > last "")) fail(key " out of order")
    seen++; last = value
    print >body
}
END {
    if (failed) exit 1
    if (NR < 1) exit 1
    for (; place <= count; place++) {
        if (!many[place] && !seen) { print name[place] " is missing"; exit 1 }
        seen = 0
    }
}
AWK

fetch() { # NAME FILE: a copy of our own, so that nobody changes it between two looks
    [ -f "$2" ] && [ -r "$2" ] || missing "$1" "$2 is no file that can be read"
    head -c $((MAX_BYTES + 1)) <"$2" >"$work/$1" || missing "$1" "$2 cannot be read"
}

parse() { # NAME DOMAIN FORM PINNED: writes NAME.body and NAME.sigs, or fails with a reason
    : >"$work/$1.body"; : >"$work/$1.sigs"
    [ "$(wc -c <"$work/$1")" -le "$MAX_BYTES" ] || { echo 'too long'; return 1; }
    [ "$(tr -d '\n\040-\176' <"$work/$1" | wc -c)" -eq 0 ] || { echo 'strange bytes'; return 1; }
    [ "$(tail -c 1 <"$work/$1" | wc -l)" -eq 1 ] || { echo 'the last line does not end'; return 1; }
    awk -v domain="$2" -v form="$(printf '%s' "$3" | tr '\n' ' ')" -v pinned="$4" \
        -v max_line="$MAX_LINE" -v max_lines="$MAX_LINES" -v max_signatures="$MAX_SIGNATURES" \
        -v body="$work/$1.body" -v sigs="$work/$1.sigs" -f "$work/form.awk" "$work/$1"
}

value() { # NAME KEY: the values of KEY, one a line
    awk -v key="$2: " 'index($0, key) == 1 { print substr($0, length(key) + 1) }' "$work/$1.body"
}

# These two are asked for what is good, so that an awk that dies keeps the gate shut.
lacks() { # NAME KEY VALUE: whether that very line does not stand there
    awk -v line="$2: $3" '$0 "" == line "" { found = 1 } END { exit found + 0 }' "$work/$1.body"
}

in_order() { # A B: whether time A is not later than B
    awk -v a="$1" -v b="$2" 'BEGIN { exit (a "" > b "") }'
}

plain_base64() { # TEXT FILE: decode to FILE; fails for another spelling of the same bytes
    printf '%s\n' "$1" | openssl base64 -d -A >"$2" 2>/dev/null || return 1
    [ "$(openssl base64 -A <"$2")" = "$1" ]
}

pem() { # BASE64 FILE
    {
        echo '-----BEGIN PUBLIC KEY-----'
        printf '%s\n' "$1" | awk '{ for (i = 1; i <= length($0); i += 64) print substr($0, i, 64) }'
        echo '-----END PUBLIC KEY-----'
    } >"$2"
}

pinned() { # KEY: checks each key with that right; writes KEY.pins: FINGERPRINT ALGORITHM SPKI PERSON
    value pins "$1" >"$work/$1.pins"
    while IFS=' ' read -r fp algorithm spki person; do
        case $algorithm:$spki in
            ed25519:MCowBQYDK2VwAyEA*) [ "${#spki}" -eq 60 ] ;;
            ecdsa-p256-sha256:MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE*) [ "${#spki}" -eq 124 ] ;;
            *) false ;;
        esac || refuse pins.key "the key $fp is not what its line says"
        plain_base64 "$spki" "$work/spki" || refuse pins.key "the key $fp is no base64"
        hash=$(sha256sum <"$work/spki")
        [ "${hash%% *}" = "$fp" ] || refuse pins.key "the key $fp has another fingerprint"
    done <"$work/$1.pins"
    [ -z "$(awk 'seen[$1]++' "$work/$1.pins")" ] || refuse pins.key 'a key stands twice'
}

holds() { # ALGORITHM SPKI SIGNATURE BODY
    plain_base64 "$3" "$work/signature" || return 1
    pem "$2" "$work/key.pem"
    case $1 in
        ed25519)
            openssl pkeyutl -verify -pubin -inkey "$work/key.pem" -rawin -in "$4" \
                -sigfile "$work/signature" >/dev/null 2>&1 ;;
        ecdsa-p256-sha256)
            openssl dgst -sha256 -verify "$work/key.pem" -signature "$work/signature" "$4" \
                >/dev/null 2>&1 ;;
        *) return 1 ;;
    esac
}

signers() { # NAME KEY: writes NAME.signers (FINGERPRINT PERSON) of the signatures that hold
    : >"$work/$1.signers"
    while IFS=' ' read -r fp algorithm signature; do
        line=$(awk -v fp="$fp" '$1 "" == fp "" { print; exit }' "$work/$2.pins")
        [ -n "$line" ] || continue
        rest=${line#* }; known=${rest%% *}
        rest=${rest#* }; spki=${rest%% *}
        [ "$known" = "$algorithm" ] && holds "$algorithm" "$spki" "$signature" "$work/$1.body" ||
            refuse "$1.signature" "the signature of $fp does not hold"
        printf '%s %s\n' "$fp" "${rest#* }" >>"$work/$1.signers"
    done <"$work/$1.sigs"
}

[ -f "$update" ] || [ -d "$update" ] || missing update "$update is neither a file nor a folder"
fetch release "$release"
fetch context "$context"
fetch pins "$pins"
fetch revocations "$revocations"
[ -n "$at" ] || at=$(date -u +%Y-%m-%dT%H:%M:%SZ)
: >"$work/now.body"; : >"$work/now.sigs"
printf 'now\nat: %s\n' "$at" >"$work/now"
parse now now at:time '' >/dev/null || usage "$at is no time like 2026-01-31T23:59:59Z"

why=$(parse pins fwverify-pins/1 "$pins_form" 1) || refuse pins.form "$why"
case $(head -n 1 "$work/release" | tr -d '\000') in
    fwverify-verdict/1) kind=fwverify-verdict/1 form=$verdict_form ;;
    *) kind=fwverify-release/1 form=$release_form ;;
esac
why=$(parse release "$kind" "$form" '') || refuse release.form "$why"
why=$(parse revocations fwverify-revocations/1 "$revocations_form" '') ||
    refuse revocations.form "$why"

pinned release-key
signers release release-key
submitter=$(value release submitter)
people=$(GATE_SUBMITTER=$submitter awk '
    function folded(name) { gsub(/ +/, " ", name); return tolower(name) }
    BEGIN { submitter = folded(ENVIRON["GATE_SUBMITTER"]) } # -v would read backslashes
    { person = folded(substr($0, 66)) }
    { if (person "" == submitter "") own = 1; if (!seen[person]++) n++ }
    END { print own ? "own" : n + 0 }' "$work/release.signers")
[ "$people" != own ] || refuse release.submitter 'whoever submitted the update signed its release'
[ "$people" -ge 2 ] || refuse release.signers "$people of 2 people with the right to release signed"
pinned revocation-key
signers revocations revocation-key
[ -s "$work/revocations.signers" ] ||
    refuse revocations.signers 'nobody with the right to revoke signed the list'

begun=$(value revocations this-update)
due=$(value revocations next-update)
in_order "$begun" "$at" || refuse revocations.future 'the revocation list begins later'
in_order "$at" "$due" || refuse revocations.stale "a newer list was due at $due"
hash=$(sha256sum <"$work/release.body")
lacks revocations release "${hash%% *}" || refuse revoked.release 'this release was revoked'
subject=$(value release subject)
lacks revocations subject "$subject" || refuse revoked.subject 'this update was revoked'
awk 'NR == FNR { if (index($0, "member: ") == 1) files[substr($0, 9, 64)] = 1; next }
    index($0, "subject: ") == 1 && (substr($0, 10) in files) { found = 1 }
    END { exit found + 0 }' "$work/release.body" "$work/revocations.body" ||
    refuse revoked.subject 'a file of this update was revoked'
while IFS=' ' read -r fp _; do
    lacks revocations key "$fp" || refuse revoked.key "the key $fp was revoked"
done <"$work/release.signers"

hash=$(sha256sum <"$work/context")
[ "${hash%% *}" = "$(value release context)" ] ||
    refuse context.other 'it was released for another deployment: re-test'
starts=$(value release not-before)
expires=$(value release not-after)
in_order "$starts" "$at" || refuse release.early "it holds from $starts on"
in_order "$at" "$expires" || refuse release.expired "it ended at $expires"

kind=$(value release kind)
if [ -d "$update" ]; then
    (cd "$update") 2>/dev/null || missing update "$update cannot be entered"
    # shellcheck disable=SC2016
    strange=$(find "$update/" ! -type d ! -type f -exec sh -c 'for f; do echo x; done' sh {} + |
        wc -l) || missing update "$update cannot be read"
    [ "$strange" -eq 0 ] || refuse update.strange 'the folder holds what is no file'
    find "$update/" >/dev/null 2>&1 || missing update "$update cannot be read whole"
    # shellcheck disable=SC2016
    files=$(find "$update/" -type f -exec sh -c 'for f; do echo x; done' sh {} + | wc -l)
    [ "$kind" = set ] && [ "$files" -gt 0 ] || refuse update.other 'another update was released'
    value release member >"$work/members"
    [ "$files" -eq "$(wc -l <"$work/members")" ] ||
        refuse update.other 'the folder has other files than those released'
    # %XX becomes the octal escape of printf; a backslash never stands there as itself.
    awk '
        BEGIN { for (i = 0; i < 256; i++) octal[sprintf("%02X", i)] = sprintf("\\0%03o", i) }
        {
            rest = substr($0, 66); rest = substr(rest, index(rest, " ") + 1); out = ""
            while ((i = index(rest, "%")) > 0) {
                out = out substr(rest, 1, i - 1) octal[substr(rest, i + 1, 2)]
                rest = substr(rest, i + 3)
            }
            print out rest
        }' "$work/members" >"$work/names"
    exec 3<"$work/names"
    while IFS=' ' read -r fp size path; do
        IFS= read -r escaped <&3 || refuse update.other 'the list of files ends'
        name=$(printf '%b/' "$escaped")
        name=$update/${name%/}
        [ -f "$name" ] && [ ! -L "$name" ] || refuse update.other "$path is not there"
        [ -r "$name" ] || missing update "$path cannot be read"
        hash=$(sha256sum <"$name") || missing update "$path cannot be read"
        [ "${hash%% *}" = "$fp" ] && [ "$(wc -c <"$name")" -eq "$size" ] ||
            refuse update.other "$path is another one"
    done <"$work/members"
else
    [ -r "$update" ] || missing update "$update cannot be read"
    hash=$(sha256sum <"$update") || missing update "$update cannot be read"
    [ "$kind" = file ] && [ "${hash%% *}" = "$subject" ] ||
        refuse update.other 'this is not the update that was released'
fi

printf 'released until %s by' "$expires"
awk '{ person = substr($0, 66); if (!seen[person]++) printf "%s %s", (n++ ? "," : ""), person }
    END { print "" }' "$work/release.signers"
value release condition | awk '{ print "  condition: " $0 }'
exit 0
