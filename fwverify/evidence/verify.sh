#!/bin/sh
# Verifies an evidence package (ASiC-E, ETSI EN 319 162-1) with a POSIX shell,
# openssl, sha256sum and unzip alone. Usage:
#
#   verify.sh PACKAGE --anchor FILE [--time-anchor FILE] [--crl-check]
#
# An anchor is a certificate of an authority, or the very one that has to have signed.
# With --crl-check the anchor files hold CRLs, too, and each certificate has to be in good
# standing by them.
#
# Exit status: 0 verified; 2 usage; 4 refused, with the reason; 5 unsigned, or no
# anchor to trust it by. Take this script from its publisher and compare its digest:
# the copy inside a package vouches for nothing.
set -u
LC_ALL=C
export LC_ALL
OPENSSL_CONF=/dev/null
export OPENSSL_CONF
unset SSL_CERT_FILE SSL_CERT_DIR UNZIP UNZIPOPT ZIPINFO 2>/dev/null
umask 077

package='' anchor='' time_anchor='' crl=''
usage() {
    echo 'usage: verify.sh PACKAGE --anchor FILE [--time-anchor FILE] [--crl-check]' >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case $1 in
    --anchor) [ $# -ge 2 ] || usage; anchor=$2; shift ;;
    --time-anchor) [ $# -ge 2 ] || usage; time_anchor=$2; shift ;;
    --crl-check) crl='-crl_check_all' ;;
    -*) usage ;;
    *) [ -z "$package" ] || usage; package=$1 ;;
    esac
    shift
done
[ -n "$package" ] || usage
for file in "$package" ${anchor:+"$anchor"} ${time_anchor:+"$time_anchor"}; do
    [ -f "$file" ] && [ -r "$file" ] || { echo "verify.sh: cannot read $file" >&2; exit 2; }
done
for tool in openssl sha256sum unzip od dd sort awk cmp mktemp; do
    command -v "$tool" >/dev/null 2>&1 || { echo "verify.sh: $tool is needed" >&2; exit 2; }
done

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM
cp -- "$package" "$work/package" || exit 2
package=$work/package
if [ -n "$anchor" ]; then cp -- "$anchor" "$work/anchor" && anchor=$work/anchor || exit 2; fi
if [ -n "$time_anchor" ]; then cp -- "$time_anchor" "$work/times" && time_anchor=$work/times || exit 2; fi
mkdir "$work/files" "$work/made" || exit 2

refuse() {
    echo "REFUSED: $*"
    exit 4
}

# --- the ZIP: local headers without gaps, one directory that repeats them, one end -------

le16() { echo $(($1 + $2 * 256)); }
le32() { echo $(($1 + $2 * 256 + $3 * 65536 + $4 * 16777216)); }
numbers() { od -An -v -tu1 -j "$1" -N "$2" "$package" | tr '\n' ' '; }
text() { dd if="$package" bs=1 skip="$1" count="$2" 2>/dev/null | tr '\0' '!'; }

name_at() {
    [ "$2" -ge 1 ] && [ "$2" -le 200 ] || refuse "zip: a name of $2 bytes at $1"
    name=$(text "$1" "$2")
    [ "${#name}" -eq "$2" ] || refuse "zip: a name at $1 has bytes that no name here has"
    case /$name/ in
    *[!A-Za-z0-9._/-]* | *//* | */.* | */-*) refuse "zip: a name at $1 is outside the grammar" ;;
    esac
}

size=$(wc -c <"$package" | tr -d ' ')
at=0
count=0
: >"$work/listed"
while :; do
    set -- $(numbers "$at" 30)
    [ "$#" -ge 4 ] && [ "$1 $2 $3 $4" = '80 75 3 4' ] || break
    [ "$#" -eq 30 ] || refuse "zip: ends inside a local header at $at"
    shift 4
    [ "$1 $2 $3 $4 $5 $6 $7 $8 $9" = '10 0 0 0 0 0 0 0 33' ] && [ "${10}" = 0 ] ||
        refuse "zip: the local header at $at is not in the form of a package"
    shift 10
    crc="$1 $2 $3 $4"
    packed=$(le32 "$5" "$6" "$7" "$8")
    shift 8
    plain=$(le32 "$1" "$2" "$3" "$4")
    length=$(le16 "$5" "$6")
    [ "$packed" -eq "$plain" ] && [ "$7 $8" = '0 0' ] ||
        refuse "zip: the local header at $at is not in the form of a package"
    name_at $((at + 30)) "$length"
    next=$((at + 30 + length + plain))
    [ "$next" -le "$size" ] || refuse "zip: $name is larger than what remains"
    echo "$at $plain $crc $name" >>"$work/listed"
    at=$next
    count=$((count + 1))
    [ "$count" -le 1000 ] || refuse 'zip: more than 1000 entries'
done
[ "$count" -ge 1 ] || refuse 'zip: does not begin with an entry'

directory=$at
while read -r header plain a b c d listed; do
    set -- $(numbers "$at" 46)
    [ "$#" -eq 46 ] && [ "$1 $2 $3 $4" = '80 75 1 2' ] ||
        refuse "zip: no directory entry for $listed at $at"
    shift 4
    [ "$1 $2 $3 $4 $5 $6 $7 $8 $9" = '10 3 10 0 0 0 0 0 0' ] || refuse "zip: the directory entry of $listed is not in the form of a package"
    shift 9
    [ "$1 $2 $3" = '0 33 0' ] && [ "$4 $5 $6 $7" = "$a $b $c $d" ] ||
        refuse "zip: the directory and the header of $listed differ"
    shift 7
    [ "$(le32 "$1" "$2" "$3" "$4")" -eq "$plain" ] && [ "$(le32 "$5" "$6" "$7" "$8")" -eq "$plain" ] ||
        refuse "zip: the directory and the header of $listed differ in size"
    shift 8
    length=$(le16 "$1" "$2")
    shift 2
    [ "$1 $2 $3 $4 $5 $6 $7 $8" = '0 0 0 0 0 0 0 0' ] && [ "$9 ${10} ${11} ${12}" = '0 0 164 129' ] ||
        refuse "zip: the directory entry of $listed is not in the form of a package"
    shift 12
    [ "$(le32 "$1" "$2" "$3" "$4")" -eq "$header" ] || refuse "zip: the directory points elsewhere for $listed"
    name_at $((at + 46)) "$length"
    [ "$name" = "$listed" ] || refuse "zip: the directory names $name where the entry is $listed"
    at=$((at + 46 + length))
done <"$work/listed" || exit 4

set -- $(numbers "$at" 23)
[ "$#" -eq 22 ] || refuse 'zip: the end is not that of the one central directory'
[ "$1 $2 $3 $4 $5 $6 $7 $8" = '80 75 5 6 0 0 0 0' ] || refuse 'zip: the end is not that of the one central directory'
shift 8
[ "$(le16 "$1" "$2")" -eq "$count" ] && [ "$(le16 "$3" "$4")" -eq "$count" ] || refuse 'zip: the end counts other entries'
shift 4
[ "$(le32 "$1" "$2" "$3" "$4")" -eq $((at - directory)) ] && [ "$(le32 "$5" "$6" "$7" "$8")" -eq "$directory" ] ||
    refuse 'zip: the end points at another directory'
shift 8
[ "$1 $2" = '0 0' ] || refuse 'zip: there is a comment'

awk '{ print $7 }' "$work/listed" >"$work/order"
[ "$(awk 'NR == 1' "$work/order")" = mimetype ] || refuse 'zip: does not begin with mimetype'
awk 'NR > 1' "$work/order" >"$work/names"
[ -z "$(sort "$work/names" | uniq -d)" ] || refuse "zip: $(sort "$work/names" | uniq -d | awk 'NR == 1') stands twice"
sort -c "$work/names" 2>/dev/null || refuse 'zip: the entries are not in order'
if grep -qx mimetype "$work/names"; then refuse 'zip: mimetype stands twice'; fi

unzip -qq -o "$package" -d "$work/files" >/dev/null 2>&1 || refuse 'zip: an entry does not have the CRC-32 of its header'
cd "$work/files" || exit 2
[ "$(cat mimetype)" = application/vnd.etsi.asic-e+zip ] && [ "$(wc -c <mimetype)" -eq 31 ] || refuse 'mimetype: is not that of ASiC-E'
find . -type f | sed 's,^\./,,' | grep -vx mimetype | sort >"$work/found"
cmp -s "$work/names" "$work/found" || refuse 'zip: what was unpacked is not what is listed'

# --- the core: SHA256SUMS is complete and right -------------------------------------------

for need in SIGNERS SHA256SUMS README-VERIFY.txt verify.sh run-metadata.json case.json decision.json; do
    [ -f "$need" ] || refuse "layout: $need is absent"
done
grep -v '^META-INF/' "$work/names" >"$work/outer"
grep -v -e '^SHA256SUMS$' -e '^SIGNERS' -e '^run-metadata\.json' -e '^attestations/' "$work/outer" |
    while read -r name; do sha256sum "$name"; done >"$work/made/sums"
cmp -s "$work/made/sums" SHA256SUMS || {
    sha256sum -c SHA256SUMS 2>/dev/null | grep -v ': OK$' | sed 's/^/  /' | awk 'NR <= 5'
    refuse 'SHA256SUMS: is not that of the files in the package'
}

line() { awk -v key="$1" '$1 == key && NF == 2 { print $2 }' SIGNERS; }
update=$(line update) core=$(line core) lab=$(line lab) approver=$(line approver) kind=$(line package)
stamped=$(awk '$0 == "timestamp"' SIGNERS)
{
    printf 'fwverify.signers/1\npackage %s\nupdate %s\ncore %s\n' "$kind" "$update" "$core"
    if [ -n "$lab" ]; then echo "lab $lab"; else echo unsigned; fi
    [ -z "$approver" ] || echo "approver $approver"
    [ -z "$stamped" ] || echo timestamp
} >"$work/made/signers"
cmp -s "$work/made/signers" SIGNERS || refuse 'SIGNERS: is not in the form of fwverify.signers/1'
case $kind in evidence | redacted | national-security) ;; *) refuse 'SIGNERS: is of no known kind' ;; esac
for value in "$update" "$core" ${lab:+"$lab"} ${approver:+"$approver"}; do
    case $value in *[!0-9a-f]*) refuse 'SIGNERS: a digest is none' ;; esac
    [ "${#value}" -eq 64 ] || refuse 'SIGNERS: a digest is none'
done
[ "$(sha256sum <SHA256SUMS | awk '{ print $1 }')" = "$core" ] || refuse 'SIGNERS: names another core'
{ [ "$kind" = redacted ] && [ -f redacted.json ]; } || { [ "$kind" != redacted ] && [ ! -f redacted.json ]; } ||
    refuse 'SIGNERS: the kind of the package is another'

# --- what steered the decision is that of this very decision ------------------------------

sum() { sha256sum <"$1" | awk '{ print $1 }'; }
stated() { sed -n "s/.*\"digests\":{[^}]*\"$1\":\"\([0-9a-f]\{64\}\)\".*/\1/p" case.json; }
holds() { grep -qF "$2" "$1" 2>/dev/null; }
grep -e '^inputs/' -e '^policy/' "$work/outer" >"$work/steering"
if [ "$kind" = redacted ]; then
    [ ! -s "$work/steering" ] || refuse 'layout: a redacted package holds neither inputs nor policy'
else
    [ -f inputs/inputs.json ] || refuse 'layout: inputs/inputs.json is absent'
    report=$(sed -n 's/^{"core_sha256":"\([0-9a-f]\{64\}\)".*/\1/p' decision.json)
    [ -n "$report" ] && holds inputs/inputs.json "\"report\":\"$report\"" ||
        refuse 'inputs: inputs/inputs.json is that of another report'
    if ! holds inputs/inputs.json '"asked":null'; then
        [ -z "$(stated case)" ] || [ -f inputs/case.json ] || refuse 'inputs: inputs/case.json is absent'
        [ -z "$(stated policy)" ] || [ -f policy/policy.json ] || refuse 'inputs: policy/policy.json is absent'
    fi
    while read -r name; do
        case $name in
        inputs/inputs.json) ;;
        inputs/case.json)
            [ "$(sum "$name")" = "$(stated case)" ] || refuse "inputs: $name is not the case that the report names"
            ;;
        inputs/vendor.toml)
            holds inputs/inputs.json "\"vendor_sha256\":\"$(sum "$name")\"" || refuse "inputs: $name is not the file that inputs/inputs.json names"
            ;;
        policy/policy.json)
            policy=$(stated policy)
            [ -n "$policy" ] && holds "$name" "\"sha256\":\"$policy\"" || refuse "inputs: $name is not the policy that the report names"
            ;;
        policy/*)
            holds policy/policy.json "\"file\":\"$name\"" || refuse "inputs: $name is not accounted for"
            holds policy/policy.json "\"sha256\":\"$(sum "$name")\"" || refuse "inputs: $name is not the document that policy/policy.json names"
            ;;
        *) refuse "inputs: $name is not accounted for" ;;
        esac
    done <"$work/steering" || exit 4
    annex=absent
    if holds inputs/inputs.json '"annex":{"present":true,'; then annex=present; fi
    if [ -f reports/report.pdf ]; then is=present; else is=absent; fi
    [ "$annex" = "$is" ] || refuse "inputs: reports/report.pdf is $is, and inputs/inputs.json says otherwise"
fi

# --- manifests: written again from the files, and compared ------------------------------

grep '^META-INF/' "$work/names" >"$work/meta"
if [ -z "$lab" ]; then
    [ -z "$approver$stamped" ] && [ ! -s "$work/meta" ] || refuse 'SIGNERS: unsigned, and there are signatures'
    echo "UNSIGNED: the files agree with each other; nobody vouches for them. core $core"
    exit 5
fi

manifest() { # protected-by media-type rootfile, names on standard input
    echo '<?xml version="1.0" encoding="UTF-8"?>'
    echo '<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
    echo "<asic:SigReference URI=\"$1\" MimeType=\"$2\"/>"
    sort | while read -r name; do
        root=''
        [ "$name" != "$3" ] || root=' Rootfile="true"'
        value=$(openssl dgst -sha256 -binary "$name" | openssl base64 -A)
        echo "<asic:DataObjectReference URI=\"$name\"$root><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue>$value</ds:DigestValue></asic:DataObjectReference>"
    done
    echo '</asic:ASiCManifest>'
}
cades=application/x-pkcs7-signature
token=application/vnd.etsi.timestamp-token
: >"$work/protected"
: >"$work/stamps"
need() { # manifest protected-by media-type rootfile names
    for file in "$1" "$2"; do
        [ -f "$file" ] || refuse "manifest: $file is absent, and SIGNERS asks for it"
    done
    manifest "$2" "$3" "$4" <"$5" >"$work/made/manifest"
    cmp -s "$work/made/manifest" "$1" || refuse "manifest: $1 is not that of the files in the package"
    printf '%s\n%s\n' "$1" "$2" >>"$work/protected"
}
first=META-INF/ASiCManifest001.xml
need $first META-INF/signature001.p7s $cades '' "$work/outer"
if [ -n "$approver" ]; then
    cat "$work/outer" "$work/protected" >"$work/over"
    need META-INF/ASiCManifest002.xml META-INF/signature002.p7s $cades '' "$work/over"
fi
if [ -n "$stamped" ]; then
    cp "$work/protected" "$work/over"
    need META-INF/ASiCManifest003.xml META-INF/timestamp001.tst $token '' "$work/over"
    echo 'META-INF/ASiCManifest003.xml META-INF/timestamp001.tst' >>"$work/stamps"
fi
renewals=$(grep -c '^META-INF/ASiCArchiveManifest' "$work/meta")
number=1 root=''
while [ "$number" -le "$renewals" ]; do
    [ -n "$stamped" ] && [ "$renewals" -le 99 ] || refuse 'manifest: an archive time stamp without a first one'
    name=META-INF/ASiCArchiveManifest.xml
    [ "$number" -eq "$renewals" ] || name=META-INF/ASiCArchiveManifest$(printf %03d "$number").xml
    by=META-INF/timestamp$(printf %03d $((number + 1))).tst
    cat "$work/outer" "$work/protected" >"$work/over"
    need "$name" "$by" $token "$root" "$work/over"
    echo "$name $by" >>"$work/stamps"
    root=$name
    number=$((number + 1))
done
sort "$work/protected" >"$work/expected"
cmp -s "$work/expected" "$work/meta" || refuse 'manifest: META-INF holds a file that no manifest is about'

# --- time stamps, the newest first: each is judged at the time of the next ----------------

seconds() { # "Nov 21 19:40:00[.5] 2026 GMT" -> seconds since 1970 (days from civil)
    set -- $(echo "$1" | tr ':' ' ')
    [ "$#" -eq 7 ] || [ "$#" -eq 6 ] || return 1
    case $1 in
    Jan) m=1 ;; Feb) m=2 ;; Mar) m=3 ;; Apr) m=4 ;; May) m=5 ;; Jun) m=6 ;;
    Jul) m=7 ;; Aug) m=8 ;; Sep) m=9 ;; Oct) m=10 ;; Nov) m=11 ;; Dec) m=12 ;;
    *) return 1 ;;
    esac
    day=$2 hour=${3#0} minute=${4#0} second=${5%%.*} year=$6
    second=${second#0}
    case $day$hour$minute$second$year in *[!0-9]* | '') return 1 ;; esac
    [ "$m" -gt 2 ] || { m=$((m + 12)); year=$((year - 1)); }
    days=$((year * 365 + year / 4 - year / 100 + year / 400 + (153 * (m - 3) + 2) / 5 + day - 719469))
    echo $((days * 86400 + ${hour:-0} * 3600 + ${minute:-0} * 60 + ${second:-0}))
}

moment=$(date +%s)
case $moment in *[!0-9]* | '') echo 'verify.sh: date +%s gives no number' >&2; exit 2 ;; esac
trusted_time=''
if [ -n "$stamped" ]; then
    awk '{ line[NR] = $0 } END { for (i = NR; i; i--) print line[i] }' "$work/stamps" >"$work/newest"
    while read -r over by; do
        openssl ts -reply -in "$by" -token_in -text >"$work/token" 2>/dev/null || refuse "timestamp: $by is no time-stamp token"
        stated=$(sed -n 's/^Time stamp: //p' "$work/token")
        time=$(seconds "$stated") || refuse "timestamp: $by states no time"
        [ "$time" -le "$moment" ] || refuse "timestamp: $by states a time after the one that it is judged at"
        digest=$(sed -n 's/^Hash Algorithm: //p' "$work/token")
        case $digest in sha256 | sha384 | sha512) ;; *) refuse "timestamp: $by is over a digest of $digest" ;; esac
        if [ -n "$time_anchor" ]; then
            openssl ts -verify -data "$over" -in "$by" -token_in -CAfile "$time_anchor" -partial_chain -attime "$moment" $crl >"$work/said" 2>&1 ||
                refuse "timestamp: $by does not hold over $over under the anchor given ($(sed -n 's/.*:reason(/(/; s/.*::*\([a-z][^:]*\):.*/\1/p' "$work/said" | awk 'NR == 1'))"
        else
            value=$(openssl dgst -"$digest" -r "$over" | awk '{ print $1 }')
            stated_value=$(awk '/^Message data:/ { on = 1; next } /^Serial number:/ { on = 0 } on { sub(/^ *[0-9a-f]+ - /, ""); print substr($0, 1, 48) }' "$work/token" | tr -d ' \n-')
            [ "$value" = "$stated_value" ] || refuse "timestamp: $by is over other bytes than $over"
        fi
        moment=$time
        trusted_time=$stated
    done <"$work/newest" || exit 4
fi

# --- signatures -----------------------------------------------------------------------------

signed() { # role certificate-digest manifest signature
    openssl cms -verify -binary -inform DER -in "$4" -content "$3" -noverify -signer "$work/signer.pem" -out /dev/null >"$work/said" 2>&1 ||
        refuse "signature: the $1's does not hold over $3"
    [ "$(grep -c 'BEGIN CERTIFICATE' "$work/signer.pem")" -eq 1 ] || refuse "signature: the $1's is of several signers"
    is=$(openssl x509 -in "$work/signer.pem" -outform DER | sha256sum | awk '{ print $1 }')
    [ "$is" = "$2" ] || refuse "signature: the $1's is by another certificate than SIGNERS names"
    openssl x509 -in "$work/signer.pem" -noout -pubkey >"$work/key-$1"
    echo "  $1 $(openssl x509 -in "$work/signer.pem" -noout -subject -nameopt RFC2253 | sed 's/^subject=//')" >>"$work/people"
    [ -n "$anchor" ] || return 0
    use=$(openssl x509 -in "$work/signer.pem" -noout -ext extendedKeyUsage 2>/dev/null | awk 'NR > 1')
    case $use in
    '' | *'E-mail Protection'* | *'Code Signing'* | *1.3.6.1.5.5.7.3.36* | *'Document Signing'*) ;;
    *) refuse "signature: the $1's certificate is not for signing documents" ;;
    esac
    case $(openssl x509 -in "$work/signer.pem" -noout -ext keyUsage 2>/dev/null) in
    '' | *'Digital Signature'* | *'Non Repudiation'*) ;;
    *) refuse "signature: the $1's certificate is not for signing" ;;
    esac
    openssl cms -verify -cades -binary -inform DER -in "$4" -content "$3" -purpose any -auth_level 2 -attime "$5" \
        -CAfile "$anchor" -partial_chain -no-CApath -no-CAstore $crl -out /dev/null >"$work/said" 2>&1 ||
        refuse "signature: the $1's certificate is not trusted under the anchor given ($(sed -n 's/.*Verify error: *//p' "$work/said" | awk 'NR == 1'))"
}
at_time=$moment
[ -n "$time_anchor" ] || at_time=$(date +%s)
signed lab "$lab" $first META-INF/signature001.p7s "$at_time"
if [ -n "$approver" ]; then
    signed approver "$approver" META-INF/ASiCManifest002.xml META-INF/signature002.p7s "$at_time"
    if cmp -s "$work/key-lab" "$work/key-approver"; then refuse 'signature: lab and approver are one key'; fi
fi

if [ -z "$anchor" ]; then
    echo "NOT TRUSTED: the signatures hold; without --anchor nobody says whose they are. core $core"
    exit 5
fi
if [ -n "$stamped" ] && [ -z "$time_anchor" ]; then
    echo "NOT TRUSTED: without --time-anchor the time stamp proves no time. core $core"
    exit 5
fi
echo "VERIFIED: package $kind"
echo "  update $update"
echo "  core   $core"
cat "$work/people"
[ -z "$trusted_time" ] || echo "  signed not after $trusted_time"
echo 'This shows who signed and that nothing was altered, not that the decision is right.'
exit 0
