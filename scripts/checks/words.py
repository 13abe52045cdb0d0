"""Words, sentences and phrases of a text, and texts cut to so many words, in any script.

Scripts that put no blanks between words (Chinese, Japanese, Thai, ...) have no words that can be
told without a dictionary: there every character, with its marks, counts as a word.
"""

from functools import cache, lru_cache

import regex

from scripts.checks.language import ELIDED, STOP_WORDS, European, european

UNSPACED_LENGTHS = (2, 8)  # characters of a phrase in a script without blanks

# Letters of scripts without blanks between words, by Unicode's Script_Extensions.
_UNSPACED = (
    r"[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
    r"--[\p{P}\p{S}\p{N}\p{M}]]"
)
_SPACED = rf"[[\p{{L}}\p{{N}}\p{{M}}]--{_UNSPACED}]"
_JOINT = r"(?:['’-]|(?<=\p{N})[.,](?=\p{N}))"  # within a word, within a number
_WORD = regex.compile(rf"{_UNSPACED}\p{{M}}*+|{_SPACED}++(?:{_JOINT}{_SPACED}++)*+", regex.V1)
_UNSPACED_LETTER = regex.compile(_UNSPACED, regex.V1)
_BLANK_BETWEEN = regex.compile(rf"(?<={_UNSPACED}\p{{M}}*) (?={_UNSPACED})", regex.V1)
# What `cut_to_words` counts: what stands between white space, and each letter without blanks.
_UNIT = regex.compile(rf"{_UNSPACED}[\p{{M}}\p{{P}}]*+|[\S--{_UNSPACED}]++", regex.V1)
_CLAUSE_END = regex.compile(r"[.!?:;\n。！？：；｡؟۔؛।॥·\u037e]+")
# A sentence ends in its mark, what closes after it, and white space; or without white space where
# the script has none; or with the line.
_SENTENCE_END = regex.compile(
    r"(?<!\b\p{Lu})(?<!\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|Mt|Gen|Capt|Lt|Rev|No|[Vv]ol|[Ff]ig|vs|etc"
    r"|approx|cf|ca|et al|e\.g|i\.e))"
    r"(?:[.!?…؟۔।॥\u037e]++|(?<=\p{Greek});)[\"'”’»)\]*_]*+(?=\s|$)|[。！？｡]++[」』）”]*+|\n+"
)
# Greek ends a question in what other scripts have for a semicolon.
_QUESTION = regex.compile(r"[?？؟\u037e]+|(?<=\p{Greek});")
# Japanese particles and Chinese function words that begin or end no phrase; small kana, long marks
# and Thai vowels that begin no word, and those that end none.
_PARTICLES = frozenset("のをにがはでとも的了是在")
_NOT_FIRST = _PARTICLES | frozenset("っゃゅょぁぃぅぇぉーんッャュョァィゥェォンะาำๅๆฯ")
_NOT_LAST = _PARTICLES | frozenset("っッเแโใไ")
_NO_LOGOGRAPHS = regex.compile(r"[\p{Hiragana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー ]+")
_HANGUL = regex.compile(r"\p{Hangul}")


def words(text: str) -> list[str]:
    """Lower-case words with inner apostrophes and hyphens, and numbers; in scripts that have no
    blanks, letters, each with its marks."""
    return list(_words(text))


@lru_cache(maxsize=2**12)  # features and measures of one text ask for them in turn
def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.lower().replace("’", "'")))


def has_words(text: str) -> bool:
    """Whether most of a text's words are words, not letters of a script without blanks."""
    found = words(text)
    return 2 * sum(map(_is_spaced, found)) > len(found)


def _is_spaced(word: str) -> bool:
    return word.isascii() or not _UNSPACED_LETTER.match(word)


def sentences(text: str) -> list[list[str]]:
    """Words of each clause or line: what no phrase reaches across."""
    parts = _CLAUSE_END.split(text)
    return [found for part in parts if (found := _WORD.findall(part.lower().replace("’", "'")))]


@lru_cache(maxsize=2**12)
def full_sentences(text: str) -> tuple[str, ...]:
    """Sentences and lines that hold a letter, without the white space around them."""
    found, start = [], 0
    for end in _SENTENCE_END.finditer(text):
        found.append(text[start : end.end()].strip())
        start = end.end()
    found.append(text[start:].strip())
    return tuple(part for part in found if any(map(str.isalpha, part)))


def questions(text: str) -> int:
    """Question marks of a text, several in a row as one."""
    return len(_QUESTION.findall(text))


@lru_cache(maxsize=2**14)
def grams(text: str, longest: int) -> frozenset[str]:
    """Phrases of 1 to `longest` words within clauses that neither begin nor end in a stop word and
    hold a word of four letters or more (fewer in scripts whose letters say more); in scripts that
    have no blanks, of 2 to 8 letters."""
    found: set[str] = set()
    stop = common_words(european(_words(text)))
    for sentence in sentences(text):
        for run, spaced in _runs(sentence):
            found |= _phrases(run, longest, stop) if spaced else _letter_phrases(run)
    return frozenset(found)


def _runs(sentence: list[str]) -> list[tuple[list[str], bool]]:
    """A clause in runs of words (True) and runs of letters without blanks (False)."""
    runs: list[tuple[list[str], bool]] = []
    for word in sentence:
        spaced = _is_spaced(word)
        if not runs or runs[-1][1] != spaced:
            runs.append(([], spaced))
        runs[-1][0].append(word)
    return runs


def _phrases(sentence: list[str], longest: int, stop: frozenset[str]) -> set[str]:
    common = [_is_common(word, stop) for word in sentence]
    telling = [
        len(w) >= _least_letters(w) and not c and not w.isdigit()
        for w, c in zip(sentence, common, strict=True)
    ]
    return {
        " ".join(sentence[start:end])
        for start in range(len(sentence))
        if not common[start]
        for end in range(start + 1, min(start + longest, len(sentence)) + 1)
        if not common[end - 1] and any(telling[start:end])
    }


def _is_common(word: str, stop: frozenset[str]) -> bool:
    """Whether it is a stop word, or one with an elided other before it (French “qu'il”)."""
    elided, apostrophe, rest = word.partition("'")
    return word in stop or (bool(apostrophe) and elided in ELIDED and rest in stop)


def _least_letters(word: str) -> int:
    """Letters from which a word tells something: four in an alphabet, three where vowels are not
    written, two where letters are syllables."""
    if word.isascii() or word != word.upper():
        return 4
    return 2 if _HANGUL.match(word) else 3


def _letter_phrases(run: list[str]) -> set[str]:
    least, most = UNSPACED_LENGTHS
    found = set()
    for start, first in enumerate(run):
        if first in _NOT_FIRST:
            continue
        for end in range(start + least, min(start + most, len(run)) + 1):
            if run[end - 1] not in _NOT_LAST:
                phrase = " ".join(run[start:end])
                # Three letters of a syllabary or an alphabet are an ending more often than a word.
                if end - start > 3 or not _NO_LOGOGRAPHS.fullmatch(phrase):
                    found.add(phrase)
    return found


@cache
def common_words(language: European = "en") -> frozenset[str]:
    """Words of a language that tell nothing of a text; English ones come from scikit-learn."""
    if language != "en":
        return STOP_WORDS[language]
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    short = {"it's", "i'm", "don't", "you're", "can't", "that's", "s"}
    return frozenset(ENGLISH_STOP_WORDS) | short


def shown_phrase(phrase: str) -> str:
    """A phrase of `grams` as people write it: without blanks between letters that have none."""
    return phrase if phrase.isascii() else _BLANK_BETWEEN.sub("", phrase)


def cut_to_words(text: str, count: int, end: bool = False) -> str:
    """The beginning, or the end, of a text that holds `count` words (white space between them, or
    letters of a script without blanks)."""
    found = [m.span() for m in _UNIT.finditer(text)]
    if len(found) <= count:
        return text
    if not count:
        return ""
    return text[found[-count][0] :] if end else text[: found[count - 1][1]]


def equal_lengths(first: str, second: str, end: bool = False) -> tuple[str, str]:
    """Both texts cut to the length of the shorter one, in words as `cut_to_words` counts them:
    their beginnings, or their ends."""
    count = min(len(_UNIT.findall(first)), len(_UNIT.findall(second)))
    return cut_to_words(first, count, end), cut_to_words(second, count, end)
