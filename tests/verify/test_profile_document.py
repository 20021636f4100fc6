"""Vendor profiles of VBF, ODX, HEX and S-record files: what they hold, and what they refuse."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.keyring.profile_trial import try_sample
from fwverify.strict import InputFileError
from fwverify.verify.keys import read_keys
from fwverify.verify.profile_document import DOCUMENT_PROFILE, IMAGE_PROFILE
from fwverify.verify.profiles import Profile, load_profile
from fwverify.verify.scheme import Material, Neighbour, Signed, TrustedKey
from tests.builders import keys
from tests.builders import vendor_signed as made
from tests.builders.hexfiles import INTEL_END, intel, intel_image
from tests.builders.vehicle import odx, odx_block, odx_data, vbf, vbf_block, vbt
from tests.cli.program import fwverify
from tests.verify.stores import HEAD, RULE, key_table, vendor
from tests.verify_cms.helpers import view

AT = datetime(2026, 6, 1, tzinfo=UTC)
RSA, RSA3072, EC = keys.rsa_key(2048), keys.rsa_key(3072), keys.ec_key("secp384r1")
KEY_OF = {"acme-vbf": RSA, "acme-odx": EC, "acme-hex": RSA3072}
TEXTS = made.profile_texts()


def _loaded(id_: str, text: str, folder: str) -> Profile:
    path = Path(folder) / f"{id_}.toml"
    path.write_text(text)
    return load_profile(path)


@pytest.fixture(scope="module")
def profiles(tmp_path_factory) -> dict[str, Profile]:
    folder = str(tmp_path_factory.mktemp("profiles"))
    return {id_: _loaded(id_, text, folder) for id_, text in TEXTS.items()}


def judged(profile, content, private=None, beside=None, **changes) -> tuple[Signed, ...]:
    private = private or KEY_OF[profile.id]
    trust = Material(
        at=AT,
        keys=(TrustedKey("0", keys.spki(private), ("release",), True),),
        profiles=(profile,),
        schemes=(profile.scheme,),
    )
    detached = () if beside is None else (("update.sig", beside),)
    seen = view(content, kind=profile.document.format, detached=detached)
    seen = replace(seen, holders=lambda digest: (Neighbour("in", digest, 1),))
    scheme = DOCUMENT_PROFILE if beside is None else IMAGE_PROFILE
    return scheme.verify(seen, replace(trust, **changes)) if scheme.applies(seen) else ()


def held(results: tuple[Signed, ...]) -> bool:
    return bool(results) and all(one.authentic == "pass" for one in results)


def refused(results: tuple[Signed, ...], why: str) -> None:
    assert results, "nothing is said"
    assert all(one.authentic != "pass" for one in results)
    assert any(why in one.reason for one in results), [one.reason for one in results]


# --- VBF ---------------------------------------------------------------------------


def test_a_vbf_is_signed_through_its_table(profiles):
    content = made.table_vbf(RSA)
    (result,) = judged(profiles["acme-vbf"], content)
    assert (result.authentic, result.trusted) == ("pass", "pass"), result.reason
    start = content.index(b"}", content.index(b"file_checksum")) + 1
    assert result.covered == ((start, len(content)),)
    ((low, high),) = result.container
    assert content[low : low + 2] == b"0x"
    assert high - low == 2 + 512
    assert sum(end - begin for begin, end in result.steering) == start - (high - low)


BAD_ROWS = vbt(made.TABLE_AT, made.BLOCKS[0], (made.BLOCKS[1][0], b"another"))[0]
SHORT = vbt(made.TABLE_AT, made.BLOCKS[0])[0]
REPEATED = vbt(made.TABLE_AT, *made.BLOCKS[:1] * 40)[0]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (made.table_vbf(keys.rsa_key(2048, 1)), "does not match"),
        (made.table_vbf(RSA, signed=b"another message"), "does not match"),
        (made.table_vbf(RSA, table=BAD_ROWS), "hash: is wrong"),
        (made.table_vbf(RSA, table=b"\0\1" + SHORT[2:]), "format 1"),
        (made.table_vbf(RSA, table=b"\0\0\xff\xff" + SHORT[4:]), "65535 rows"),
        (made.table_vbf(RSA, table=b"\0"), "of no size"),
        (made.table_vbf(RSA, table=REPEATED), "repeat the file's bytes"),
        (made.table_vbf(RSA, key="sw_signature_dev"), "sw_signature_dev is"),
        (made.table_vbf(RSA, more="  sw_signature = 0x00;\r\n"), "key twice"),
        (made.table_vbf(RSA, more="  data_format_identifier = 0x10;\r\n"), "compressed"),
        (made.data_vbf(RSA), "is not there, or of no size"),
        (made.table_vbf(RSA) + b"\0", "block.address"),
        (made.table_vbf(RSA) + vbf_block(0x1_0000, b"again"), "overlaps"),
        (made.table_vbf(RSA).replace(b"boot code", b"boot c0de", 1), "checksum"),
        (made.table_vbf(RSA).replace(b"root_hash = 0x", b"root_hash = 0xf"), "root_hash"),
        (vbf(*made.BLOCKS, fields="  sw_signature = 0xZZ;\r\n"), "hexadecimal"),
        (vbf(*made.BLOCKS, fields="  sw_signature = 0x123;\r\n"), "half a byte"),
    ],
)
def test_what_a_vbf_must_not_be(profiles, content, why):
    refused(judged(profiles["acme-vbf"], content), why)


def test_a_block_that_no_row_names_is_not_covered(profiles):
    content = made.table_vbf(RSA) + vbf_block(0x4000_0000, b"nobody signs this")
    (result,) = judged(profiles["acme-vbf"], content)
    at = content.index(b"nobody signs this")
    reached = (*result.covered, *result.container, *result.steering)
    assert not any(start < at + 17 and at < end for start, end in reached)


def test_an_altered_block_with_its_checksum_made_anew_is_refused(profiles):
    other = ((made.BLOCKS[0][0], b"evil code  \x00" * 40), made.BLOCKS[1])
    table = vbt(made.TABLE_AT, *made.BLOCKS)[0]
    content = made.table_vbf(RSA, other, table=table)
    refused(judged(profiles["acme-vbf"], content), "verification_block.hash")


def test_a_vbf_without_a_signature_says_nothing(profiles):
    assert judged(profiles["acme-vbf"], vbf(*made.BLOCKS)) == ()


def data_profile(folder) -> Profile:
    text = TEXTS["acme-vbf"].replace('message = "table"', 'message = "data"')
    return _loaded("acme-vbf", text, str(folder))


def test_data_alone_leaves_addresses_steering(tmp_path):
    content = made.data_vbf(RSA)
    (result,) = judged(data_profile(tmp_path), content)
    assert result.authentic == "pass", result.reason
    first = content.index(made.BLOCKS[0][1])
    assert result.covered[0] == (first, first + len(made.BLOCKS[0][1]))
    assert any(start <= first - 8 < end for start, end in result.steering)


# --- ODX ---------------------------------------------------------------------------


def test_each_flashdata_of_an_odx_has_its_signature(profiles):
    content = made.signed_odx(*made.odx_signatures(EC))
    (result,) = judged(profiles["acme-odx"], content)
    assert result.authentic == "pass"
    said = [bytes.fromhex(content[start:end].decode()) for start, end in result.covered]
    assert said == list(made.PARTS.values())
    assert [vouch.via for vouch in result.vouches] == ["profile:acme-odx"] * 2
    assert len(result.container) == 2
    assert all(len(bytes.fromhex(content[a:b].decode())) == 96 for a, b in result.container)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (made.signed_odx(*made.odx_signatures(keys.ec_key("secp384r1", 1))), "does not match"),
        (made.signed_odx(bytes(96)), ""),
        (made.signed_odx(b"\1"), "1 bytes"),
        (
            odx(odx_data("FD1", "00", method="01"), odx_block("FD1", (0, 1)))
            .replace(b"<DATABLOCKS>", b"<S><FW-SIGNATURE>00</FW-SIGNATURE></S><DATABLOCKS>"),
            "not plain",
        ),
        (made.signed_odx(b"\1").replace(b">01</FW-S", b">0x</FW-S"), "hexadecimal"),
        (made.signed_odx(b"\1").replace(b"<DATA>", b"<DATA>zz", 1), "no hexadecimal text"),
        (made.signed_odx(b"\1").replace(b'ID="FD2"', b'ID="FD1"', 1), "ID twice"),
        (made.signed_odx(*[b"\1"] * 65), "65 signatures"),
    ],
)  # fmt: skip
def test_what_an_odx_must_not_be(profiles, content, why):
    refused(judged(profiles["acme-odx"], content), why)


def test_one_bad_signature_of_two_is_told(profiles):
    good, _ = made.odx_signatures(EC)
    results = judged(profiles["acme-odx"], made.signed_odx(good, bytes(95) + b"\1"))
    assert sorted(one.authentic for one in results) == ["fail", "pass"]


def test_one_signature_over_all_data(tmp_path):
    text = TEXTS["acme-odx"].replace('per = "block"', 'per = "file"')
    profile = _loaded("acme-odx", text, str(tmp_path))
    whole = keys.sign_ec(EC, b"".join(made.PARTS.values()), "sha384", bare=True)
    assert held(judged(profile, made.signed_odx(whole)))
    refused(judged(profile, made.signed_odx(*made.odx_signatures(EC))), "does not match")
    swapped = dict(reversed(made.PARTS.items()))
    refused(judged(profile, made.signed_odx(whole, parts=swapped)), "does not match")


# --- Intel HEX and S-record --------------------------------------------------------


@pytest.mark.parametrize("width", [16, 32])
@pytest.mark.parametrize("form", [bytes, bytes.hex])
def test_a_hex_file_is_signed_by_its_image(profiles, width, form):
    text, signature = made.hex_pair(RSA3072, width=width)
    beside = form(signature)
    beside = beside.encode() if isinstance(beside, str) else beside
    (result,) = judged(profiles["acme-hex"], text, beside=beside)
    assert (result.authentic, result.trusted) == ("pass", "pass"), result.reason
    assert result.covered == ()
    assert len(result.vouches) == 2


def test_an_s_record_file_is_signed_by_its_image(tmp_path):
    text = TEXTS["acme-hex"].replace("intel-hex", "srec", 1)
    content, signature = made.hex_pair(RSA3072, srec=True)
    assert held(judged(_loaded("acme-hex", text, str(tmp_path)), content, beside=signature))


GOOD, BESIDE = made.hex_pair(RSA3072)
MOVED = {at + 0x1000: data for at, data in made.PIECES.items()}
FIRST = made.PIECES[0x0800_4000]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (intel_image(MOVED), "does not match"),
        (intel_image({**made.PIECES, 0x0800_7000: b"more"}), "does not match"),
        (intel_image({0x0800_4000: FIRST}), "does not match"),
        (intel_image({**made.PIECES, 0x0800_8000: b"behind"}), "in no range"),
        (intel_image({0x0800_3FF0: bytes(16), **made.PIECES}), "in no range"),
        (GOOD.replace(INTEL_END, intel(0, 0x4000, b"again") + b"\r\n" + INTEL_END), "twice"),
        (GOOD.replace(INTEL_END + b"\r\n", b""), "end record"),
        (GOOD + b"more", "end record"),
        (GOOD.replace(b"\r\n", b"\r\n:00\r\n", 1), "no valid record"),
        (INTEL_END + b"\r\n", "writes no byte"),
    ],
)
def test_what_a_hex_file_must_not_be(profiles, content, why):
    refused(judged(profiles["acme-hex"], content, beside=BESIDE), why)


def test_nothing_fills_what_the_profile_does_not_fill(tmp_path):
    profile = _loaded("acme-hex", TEXTS["acme-hex"].replace("fill = 0xff", ""), str(tmp_path))
    refused(judged(profile, GOOD, beside=BESIDE), "nothing fills it")
    whole = {0x0800_4000: made.memory()}
    text, signature = made.hex_pair(RSA3072, whole)
    assert held(judged(profile, text, beside=signature))


def test_an_open_range_ends_with_the_last_byte(tmp_path):
    text = TEXTS["acme-hex"].replace("end = 0x0800_8000\n", "")
    profile = _loaded("acme-hex", text, str(tmp_path))
    last = 0x0800_5000 + len(made.PIECES[0x0800_5000])
    image = made.memory(span=(0x0800_4000, last))
    assert held(judged(profile, GOOD, beside=keys.sign_rsa(RSA3072, image)))
    refused(judged(profile, GOOD, beside=BESIDE), "does not match")


def test_a_range_of_gigabytes_is_no_image(tmp_path):
    text = TEXTS["acme-hex"].replace("0x0800_8000", "0xffff_ffff")
    profile = _loaded("acme-hex", text, str(tmp_path))
    refused(judged(profile, GOOD, beside=BESIDE), "more than")


def test_a_profile_that_the_rule_does_not_name_says_nothing_of_a_plain_signature(profiles):
    profile = profiles["acme-hex"]
    assert judged(profile, GOOD, beside=bytes(384), schemes=("raw",)) == ()
    assert held(judged(profile, GOOD, beside=BESIDE, schemes=()))


def test_another_vendors_profile_says_nothing_under_a_rule_of_the_command_line(profiles, tmp_path):
    mine, other = profiles["acme-vbf"], data_profile(tmp_path)
    other = msgspec.structs.replace(other, id="other-vbf")
    content = made.table_vbf(RSA)
    both = {"profiles": (mine, other)}
    assert held(judged(mine, content, schemes=(), **both))
    named = judged(mine, content, schemes=(mine.scheme, other.scheme), **both)
    assert sorted(one.authentic for one in named) == ["fail", "pass"]
    refused(judged(mine, content, keys.rsa_key(2048, 1), schemes=(), **both), "does not match")
    good, _ = made.odx_signatures(EC)
    half = judged(profiles["acme-odx"], made.signed_odx(good, bytes(95) + b"\1"), schemes=())
    assert sorted(one.authentic for one in half) == ["fail", "pass"]


# --- the profile itself ------------------------------------------------------------


@pytest.mark.parametrize(
    ("id_", "old", "new", "why"),
    [
        ("acme-vbf", '"table"', '"image"', "vbf has data or table"),
        ("acme-vbf", 'signature = "sw_signature"', "", "document.signature"),
        ("acme-odx", 'message = "data"', 'message = "table"', "odx-f has data"),
        ("acme-odx", 'per = "block"', 'signature = "x"', "document.signature"),
        ("acme-vbf", '"sw_signature"', '"sw_signature"\nper = "block"', "document.per"),
        ("acme-hex", "[[document.range]]\nstart", "[other]\nstart", "unknown field"),
        ("acme-hex", "end = 0x0800_8000", "end = 0x0800_4000", "document.range"),
        ("acme-hex", "fill = 0xff", "fill = 256", "fill"),
        ("acme-hex", "[document]", "[[magic]]\nat = {from = 'start'}\nbytes = '00'\n[document]",
         "instead of field and magic"),
        ("acme-hex", "fill = 0xff", "[[document.range]]\nstart = 0\nend = 1", "do not overlap"),
        ("acme-hex", "end = 0x0800_8000\nfill = 0xff", "[[document.range]]\nstart = 0xf000_0000",
         "last one"),
    ],
)  # fmt: skip
def test_each_inconsistency_of_a_document_is_an_error(tmp_path, id_, old, new, why):
    assert old in TEXTS[id_]
    with pytest.raises(InputFileError, match=why):
        _loaded(id_, TEXTS[id_].replace(old, new, 1), str(tmp_path))


@given(st.binary(max_size=400))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_arbitrary_files_never_crash_a_document(data):
    for id_, text in TEXTS.items():
        profile = msgspec.convert(tomllib.loads(text), Profile)
        beside = BESIDE if id_ == "acme-hex" else None
        for content in (data, b"vbf_version = 2.6;\nheader {" + data, b"<ODX>" + data + b"</ODX>"):
            assert not held(judged(profile, content, beside=beside))


SAMPLES = {
    "acme-vbf": (made.table_vbf(RSA), None),
    "acme-odx": (made.signed_odx(*made.odx_signatures(EC)), None),
    "acme-hex": (GOOD, BESIDE),
}


@pytest.mark.parametrize("id_", sorted(SAMPLES))
def test_the_trial_refuses_every_mutant(profiles, id_):
    content, beside = SAMPLES[id_]
    public = read_keys(keys.pem(KEY_OF[id_]), "k")
    result = try_sample(profiles[id_], "s", content, public, beside)
    assert result.faults == ()
    assert result.mutants > 70
    assert 0 < result.steering_bytes < len(content)
    other = read_keys(keys.pem(keys.rsa_key(2048, 1)), "k")
    assert try_sample(profiles[id_], "s", content, other, beside).faults
    assert try_sample(profiles[id_], "s", b"", public, beside).faults


# --- as a user would ---------------------------------------------------------------


def store_with(folder, id_):
    private = KEY_OF[id_]
    rule = RULE.replace('"raw", "minisign", "profile:comma-panda", "rauc"', f'"profile:{id_}"')
    files = {"keys/release.pem": keys.pem(private)}
    store = vendor(folder, "", {}, "", HEAD)
    (store / "profiles" / f"{id_}.toml").write_text(TEXTS[id_])
    return vendor(folder, key_table(private), files, rule)


@pytest.mark.parametrize(
    ("id_", "name"), [("acme-vbf", "u.vbf"), ("acme-odx", "u.odx"), ("acme-hex", "u.hex")]
)
def test_verify_holds_and_refuses(tmp_path, id_, name):
    content, beside = SAMPLES[id_]
    store = store_with(tmp_path, id_)
    update = tmp_path / name
    update.write_bytes(content)
    if beside is not None:
        (tmp_path / f"{name}.sig").write_bytes(beside)
    call = ("verify", update, "--trust", store, "--vendor", "acme", "--product", "M-1",
            "--at", "2026-06-01T00:00:00Z", "--format", "json")  # fmt: skip
    ran = fwverify(*call, cwd=tmp_path)
    verified = ran.json
    assert verified["signature_coverage"]["unsigned_executable"] == 0, verified
    assert verified["signature_coverage"]["covered"] > len(content) // 3
    assert sum(verified["signature_coverage"].values()) == len(content)
    assert all(
        set(one["axes"].values()) <= {"pass", "not-applicable"} for one in verified["signatures"]
    )
    assert {one["rule"] for one in verified["findings"]} >= {"coverage.steering"}
    assert ran.code in (0, 5), verified  # what the blocks hold may be unexplained
    update.write_bytes(altered(id_, content))
    assert fwverify(*call, cwd=tmp_path).code == 4


def altered(id_, content):
    if id_ == "acme-vbf":
        other = ((made.BLOCKS[0][0], b"evil code  \x00" * 40), made.BLOCKS[1])
        return made.table_vbf(RSA, other, table=vbt(made.TABLE_AT, *made.BLOCKS)[0])
    if id_ == "acme-odx":
        return content.replace(made.PARTS["FD1"].hex().encode(), b"ff" * len(made.PARTS["FD1"]))
    return intel_image(MOVED)
