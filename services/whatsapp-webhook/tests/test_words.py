"""What people type at a door at night, and that nothing but a clear order is ever obeyed."""

# ruff: noqa: E501, RUF001  (tables of phrases, and look-alike letters on purpose)

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latchwire.model import Kind
from latchwire_whatsapp_webhook import spelling, vocabulary
from latchwire_whatsapp_webhook.spelling import tokens
from latchwire_whatsapp_webhook.words import Command, Device, Phrasebook, Unclear, Wish, Words, remarks


def lock(name: str, *names: str) -> Device:
    return Device(name, Kind.LOCK, names, frozenset(Kind.LOCK.actions))


def switch(name: str, *names: str) -> Device:
    return Device(name, Kind.SWITCH, names, frozenset(Kind.SWITCH.actions))


SMALL = (lock("front-door", "door", "front door"), switch("ac"), switch("light"))
LARGE = (
    *SMALL,
    switch("desk-lamp", "desk lamp"),
    switch("lamp"),
    switch("back-light", "back light"),
)
HOMES = {"small": SMALL, "large": LARGE}
TABLE = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "phrases.tsv").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]


def heard(text: str, devices: tuple[Device, ...] = SMALL, words: Words | None = None) -> str:
    match Phrasebook(devices, words).understand(text):
        case Command(device, action):
            return f"{device} {action}"
        case Wish() as wish:
            return f"- {wish.value}"
        case Unclear():
            return "- unclear"


@pytest.mark.parametrize(("home", "text", "device", "action"), TABLE)
def test_a_row_of_the_sample_table(home: str, text: str, device: str, action: str) -> None:
    assert heard(text, HOMES[home]) == f"{device} {action}"


def test_the_sample_table_is_read_whole() -> None:
    assert len(TABLE) == 44


@pytest.mark.parametrize(
    "text",
    [
        # Traps of a parser that looks for parts of words.
        "is the light on the porch on?", "list options", "place light off", "turn off the second light",
        "switch off the back light", "come on light", "lighten up", "locksmith for the door", "the doorbell",
        # Negation in any spelling.
        "dont unlock the door", "don't unlock", "don´t unlock the door", "don`t open the door", "DON’T OPEN THE DOOR",
        "never unlock the door", "unlock the door not", "unlock the door - no", "no unlock", "not unlock door",
        "please do not open the door", "could you not open the door please", "you can't unlock the door",
        "cant lock the door", "cannot lock", "stop unlock", "cancel unlock door", "unlock the door. wait no",
        "without unlock door", "is the door not locked?", "№ unlock", "don\u200b't unlock", "!unlock", "! unlock door",
        "ＤＯＮＴ unlock door", "do n't unlock", "nicht unlock door", "no, lock the door",
        # Two verbs, two devices.
        "lock the door and unlock it", "lock unlock door", "lock or unlock the door", "turn on off ac", "ac on off",
        "turn on the ac and the light", "ac light on", "lock the door, ac off", "lock/unlock door", "unlock unlock",
        "open and unlock the door", "lock on the front door", "unlock door door", "turn switch on ac",
        # Times and conditions.
        "unlock door in 5 min", "unlock the door at 8", "unlock the door at 20:00", "unlock door tomorrow",
        "unlock the door if john comes", "unlock the door when i am home", "lock the door after the party",
        "unlock the door until noon", "turn on ac for an hour", "lock the door later", "unlock door 5", "ac on 22",
        "unlock the door ⏰", "ac on ½", "lock the door in a minute please",
        # Questions that are no request.
        "unlock the door?", "lock?", "unlock the door ?", "unlock door？", "ac on?", "should i lock the door",
        "did you unlock the door?", "can i open the door", "could you unlock the door?", "can you open the door",
        "why is the door open", "what would open the door", "unlock the door\u037e", "unlock؟", "¿unlock door", "lock ❓",
        "unlock the door!?", "unlock the door⁉", "please unlock the door?", "is it ok to unlock the door please",
        # Telling, not asking.
        "door open", "the door open!", "front door open", "the door is open", "i locked the door", "door shut",
        "the light is on", "i want to open the door", "we open the door now", "door unlocked", "unlocking the door",
        # Not finished, or of something else.
        "unlock the", "the lock", "my unlock", "lock the please", "unlock the the door", "turn", "turn ac", "switch light",
        "unlock it", "turn it on", "turn off everything", "turn off all", "turn off the lights", "lock all", "all off",
        "unlock the garage", "unlock my car", "open sesame", "open window", "lock up", "let me in please", "buzz me in",
        "unlock the back door", "unlock door front", "unlock the door john", "alexa unlock the door", "on turn ac",
        "toggle turn ac", "turn toggle ac", "turn lock the door",
        # Typing errors are not guessed.
        "unlok the door", "unlcok door", "ulock", "unlock teh door", "unlock dor", "lokc", "un lock the door", "un-lock",
        "tunr on ac", "unlockdoor", "unlock frontdoor", "pen the door", "of ac", "onn ac",
        # Other people's words.
        "> unlock the door", '"unlock the door"', "“unlock the door”", "«unlock» door", "'unlock the door'", "‘unlock’",
        "he said unlock the door", "john: unlock the door", "`unlock`", "re: fwd: unlock the door", "unlock the “door”",
        # Signs that mean something, or that nobody can see.
        "~unlock the door~", "🚫 unlock the door", "unlock the door 👎", "unlock the door 🤔", "unlock the door 😜", "🔓",
        "unlock 🚗", "unlock the door 🔒", "lock the door 🔓", "turn on 💡", "unlock the door ❌", "unlock & lock", "unlock+door",
        "door=unlock", "unlock the door #2", "@door unlock", "unlock door 1️⃣", "🙅‍♂️ unlock", "unlock <b>door</b>",
        "\u202eunlock door", "\u202dunlock door", "unlock\x00 door", "unlock door \U000e006e\U000e006f", "unlock door\ufffd",
        "unlock \ue000", "unlock door \U0010ffff", "unlock door \ud800",
        # Letters that only look alike, and letters that are struck through.
        "unl\u043eck the door", "unlock the d\u043eor", "\u0430c on", "\u217c\u03bfck", "u\u0336n\u0336l\u0336o\u0336c\u0336k\u0336 door",
        "unlock\u0301 door", "lo\u0327ck", "LİST the door", "unlock ｄ𐐬or", "unlock\u2800door x", "unlock\u3164door",
    ],
)  # fmt: skip
def test_what_is_not_clear_does_nothing(text: str) -> None:
    assert heard(text) == "- unclear"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("UNLOCK", "front-door unlock"),
        ("open", "front-door unlock"),
        ("open door pls!!", "front-door unlock"),
        ("Open the door please 🙏🙏", "front-door unlock"),
        ("hi, open the door now please, thanks!", "front-door unlock"),
        ("unlock front-door", "front-door unlock"),
        ("front-door unlock", "front-door unlock"),
        ("front_door unlock", "front-door unlock"),
        ("*unlock* the _door_", "front-door unlock"),
        ("unlock\nthe front door", "front-door unlock"),
        ("ok lock my door...", "front-door lock"),
        ("could you open the door please?", "front-door unlock"),
        ("Can u please lock the front door", "front-door lock"),
        ("hey would you please turn the ac off?", "ac off"),
        ("close the door", "front-door lock"),
        ("🔓 unlock the door", "front-door unlock"),
        ("lock 🔒", "front-door lock"),
        ("  turn on the ac 🥵 ", "ac on"),
        ("turn the ac on", "ac on"),
        ("put the light on", "light on"),
        ("power off ac", "ac off"),
        ("ac turn on", "ac on"),
        ("toggle the light", "light toggle"),
        # Spellings of telephones.
        ("unlock\u00a0the\u2009front\u3000door", "front-door unlock"),
        ("\u200bun\u200block\ufeff the do\u00ador", "front-door unlock"),
        ("\u200funlock the door\u200e", "front-door unlock"),
        ("unlock the \u2068front door\u2069", "front-door unlock"),
        ("ｕｎｌｏｃｋ ｔｈｅ ｄｏｏｒ！", "front-door unlock"),
        ("𝐮𝐧𝐥𝐨𝐜𝐤 the 𝑑𝑜𝑜𝑟", "front-door unlock"),
        ("lock the door 👍🏽", "front-door lock"),
        ("lock ❤️", "front-door lock"),
        ("lock the door…", "front-door lock"),
        ("lock — the door", "front-door lock"),
        # The one question, and a device's status.
        ("is it locked?", "front-door status"),
        ("is it open", "front-door status"),
        ("is it on?", "- unclear"),
        ("Is the AC still on or off ?", "ac status"),
        ("is the light locked?", "- unclear"),
        ("is the door on?", "- unclear"),
        ("is the toaster on?", "- unclear"),
        ("is the door ajar?", "- unclear"),
        ("door?", "front-door status"),
        ("status door", "front-door status"),
        ("the status of the front door?", "front-door status"),
        ("light state", "light status"),
        # What names no device.
        ("LIST", "- list"),
        ("devices?", "- list"),
        ("list please", "- list"),
        ("status?", "- status"),
        ("Status of everything", "- status"),
        ("help!!", "- help"),
        ("Hi", "- help"),
        ("?", "- help"),
        ("", "- help"),
        (" \u200b\n", "- help"),
        ("👋", "- help"),
    ],
)
def test_what_is_clear_is_understood_in_every_spelling(text: str, meaning: str) -> None:
    assert heard(text) == meaning


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("öffne die Tür", "haustür unlock"),
        ("O\u0308FFNE DIE TU\u0308R", "haustür unlock"),
        ("Tür bitte auf machen", "- unclear"),
        ("mach bitte die tür auf", "haustür unlock"),
        ("öffne die Tür nicht", "- unclear"),
        ("nicht die tür öffne", "- unclear"),
        ("öffne die tür in 5 minuten", "- unclear"),
        ("licht an", "licht on"),
        ("licht an?", "- unclear"),
        ("licht an und tür zu", "- unclear"),
        ("打开 灯", "licht on"),
        ("不打开 灯", "- unclear"),
        ("不 打开 灯", "- unclear"),
        ("hilfe", "- help"),
        ("liste", "- list"),
        ("zustand", "- status"),
        ("zustand tür", "haustür status"),
        ("lock", "haustür lock"),
    ],
)
def test_names_and_verbs_of_other_languages(text: str, meaning: str) -> None:
    home = (lock("haustür", "Tür", "die Tür"), switch("licht", "灯"))
    words = {
        "unlock": ["öffne", "auf", "lock", "don't", "the"],
        "lock": ["zu"],
        "on": ["an", "打开"],
        "ignore": ["mach", "bitte", "not", "nicht", "?"],  # three of which may never be ignored
        "help": ["hilfe"],
        "list": ["liste"],
        "status": ["zustand"],
        "explode": ["fenster"],
    }
    assert heard(text, home, words) == meaning


def test_the_longest_name_wins_whatever_the_order_of_the_devices() -> None:
    for home in (LARGE, LARGE[::-1]):
        assert heard("desk lamp on", home) == "desk-lamp on"
        assert heard("back light off", home) == "back-light off"
        assert heard("the desk the lamp on", home) == "- unclear"


def test_a_bare_verb_works_where_one_device_knows_it() -> None:
    assert heard("on", (switch("ac"),)) == "ac on"
    assert heard("toggle", (switch("ac"),)) == "ac toggle"
    assert heard("unlock", (lock("a"), lock("b"))) == "- unclear"
    assert heard("unlock", (switch("ac"),)) == "- unclear"
    assert heard("unlock", ()) == "- unclear"


def test_a_device_that_this_person_may_not_use_is_an_unknown_word() -> None:
    assert heard("turn on the desk lamp", (switch("lamp"),)) == "- unclear"
    assert heard("unlock the front door", (switch("lamp"),)) == "- unclear"


def test_a_name_that_two_devices_share_needs_a_verb_that_only_one_knows() -> None:
    home = (lock("bedroom-door", "bedroom"), switch("bedroom-light", "bedroom"), switch("fan", "bedroom"))
    assert heard("lock the bedroom", home) == "bedroom-door lock"
    assert heard("turn on the bedroom", home) == "- unclear"
    assert heard("toggle the bedroom", home) == "- unclear"


def test_a_device_that_is_called_like_a_word_of_the_grammar() -> None:
    home = (lock("lock"), switch("switch"), switch("on"))
    assert heard("unlock the lock", home) == "lock unlock"
    assert heard("lock the lock", home) == "lock lock"
    assert heard("lock", home) == "lock lock"
    assert heard("the lock", home) == "lock status"
    assert heard("switch off the switch", home) == "switch off"
    assert heard("turn on the on", home) == "on on"


def test_a_name_that_says_no_is_never_heard_and_the_log_says_so() -> None:
    home = (lock("gate", "no entry", "never", "!"), lock("lock", "unlock"))
    assert heard("unlock no entry", home) == "- unclear"
    assert heard("unlock never", home) == "- unclear"
    told = "\n".join(remarks(home, {"ignore": ["nein"], "lock": ["zu"], "opens": ["auf"]}))
    assert "'no entry' of gate is never heard" in told
    assert "'never' of gate" in told
    assert "'!' of gate" in told
    assert "'unlock' of lock is heard as \"the unlock\" only" in told
    assert "'nein'" in told
    assert "'auf'" in told
    assert "'zu'" not in told


def test_a_hundred_kilobytes_are_unclear_at_once() -> None:
    for text in ("unlock the door " * 6400, "\ufdfa" * 100_000, "'" * 100_000, "a\u0301" * 50_000):
        assert heard(text) == "- unclear"


def test_every_example_works() -> None:
    limited = Device("front-door", Kind.LOCK, ("the door", "no door"), frozenset({"unlock", "status"}))
    for home in (SMALL, LARGE, (limited,), (lock("lock"), switch("on")), (switch("a", "?"),)):
        for text in ("gibberish", "don't unlock the door", "turn on it", "unlock the desk lamp"):
            unclear = Phrasebook(home).understand(text)
            assert isinstance(unclear, Unclear)
            meant = Phrasebook(home).understand(unclear.example)
            assert isinstance(meant, Command)
            assert meant.action in next(d for d in home if d.name == meant.device).may
    assert Phrasebook(()).understand("gibberish") == Unclear("help")
    assert Phrasebook((Device("a", Kind.LOCK),)).understand("gibberish") == Unclear("help")


def test_the_example_is_near_to_what_was_said() -> None:
    assert Phrasebook(LARGE).understand("turn off the lamp in 5 minutes") == Unclear("turn off the lamp")
    assert Phrasebook(LARGE).understand("open the door at 8") == Unclear("unlock the door")
    assert Phrasebook(LARGE).understand("the ac is broken") == Unclear("turn on the ac")


KNOWN = sorted({*vocabulary.VERBS, *vocabulary.CARRIERS, *vocabulary.DETERMINERS, *vocabulary.FILLERS})
WORDS = st.sampled_from([*KNOWN, *vocabulary.ASKERS, "you", "is", "it", "?", "front door", "door", "ac", "light"])
SENTENCES = st.lists(WORDS, max_size=7)
NEGATIONS = st.sampled_from([*sorted(vocabulary.NEGATIONS), "don't", "don’t", "mightn't"])
HOME = st.lists(
    st.builds(
        Device,
        st.text(max_size=6),
        st.sampled_from(Kind),
        st.lists(st.text(max_size=8) | st.sampled_from(["lock", "the", "no", "on off", "don't"])).map(tuple),
        st.frozensets(st.sampled_from(["lock", "unlock", "on", "off", "status"])),
    ),
    max_size=4,
).map(tuple)


WORDS_ADDED = st.dictionaries(st.sampled_from(["lock", "on", "ignore", "help", "x"]), st.lists(st.text(max_size=5)))


@settings(deadline=None)  # the machine is shared
@given(
    st.text(),
    HOME,
    WORDS_ADDED,
)
def test_no_text_and_no_configuration_raises(text: str, home: tuple[Device, ...], words: dict[str, str]) -> None:
    Phrasebook(home, words).understand(text)
    remarks(home, words)
    for device in home:
        Phrasebook(home, words).understand(f"unlock {device.name}")


@settings(deadline=None)  # the machine is shared
@given(SENTENCES, NEGATIONS, st.integers(0, 7), HOME)
def test_negation_anywhere_never_yields_a_command(
    sentence: list[str], negation: str, place: int, home: tuple[Device, ...]
) -> None:
    text = " ".join([*sentence[:place], negation, *sentence[place:]])
    assert not isinstance(Phrasebook(SMALL + home).understand(text), Command)


@settings(deadline=None)  # the machine is shared
@given(SENTENCES, st.text(min_size=1, max_size=12), st.integers(0, 7))
def test_an_unknown_word_anywhere_never_yields_a_command(sentence: list[str], word: str, place: int) -> None:
    known = {token for text in (*KNOWN, "you u is are it ? still really currently or status state of front door ac light",
                                " ".join((*vocabulary.STATES, *vocabulary.ECHOES, *vocabulary.ASKERS)))
             for token in tokens(text)}  # fmt: skip
    if known.isdisjoint(tokens(word)) and tokens(word):
        text = " ".join([*sentence[:place], word, *sentence[place:]])
        assert not isinstance(Phrasebook(SMALL).understand(text), Command)


@settings(deadline=None)  # the machine is shared
@given(SENTENCES)
def test_a_command_holds_one_verb_and_fits_its_device(sentence: list[str]) -> None:
    meaning = Phrasebook(SMALL).understand(" ".join(sentence))
    if isinstance(meaning, Command):
        device = next(device for device in SMALL if device.name == meaning.device)
        assert meaning.action in device.kind.actions
        if meaning.action != "status":
            assert sum(word in vocabulary.VERBS for word in sentence) == 1


@settings(deadline=None)  # the machine is shared
@given(SENTENCES, st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_case_and_normal_form_change_nothing(sentence: list[str], form: "unicodedata._NormalizationForm") -> None:
    text = " ".join(sentence)
    assert heard(text) == heard(unicodedata.normalize(form, text.upper()))


def test_every_listed_word_is_one_token_as_the_spelling_gives_it() -> None:
    lists = (vocabulary.VERBS, vocabulary.CARRIERS, vocabulary.DETERMINERS, vocabulary.FILLERS, vocabulary.ECHOES,
             vocabulary.ASKERS, vocabulary.ASKED, vocabulary.QUESTION_FILLERS, vocabulary.STATES, vocabulary.NEGATIONS,
             vocabulary.STATUS_FILLERS, vocabulary.QUESTION_WORDS)  # fmt: skip
    for words in lists:
        for word in words:
            assert tokens(word) == (word,)
    for phrases in vocabulary.PHRASES.values():
        for phrase in phrases:
            assert " ".join(tokens(phrase)) == phrase


@given(st.text(st.characters(max_codepoint=127)) | st.text("ab1' .-?!\t_"))
def test_the_quick_way_through_ascii_finds_the_same_tokens(text: str) -> None:
    assert spelling.tokens(text) == spelling._tokens(spelling._spelled(text))
