"""Which language a text is in, as far as words and named features depend on it."""

from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Literal

MEASURED = "en"  # the language of the labels that the named features were measured on
NAMES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "km": "Khmer", "ko": "Korean", "lo": "Lao", "nl": "Dutch",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian",
    "sv": "Swedish", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese",
    "zh": "Chinese",
}  # fmt: skip
CONFIDENT = 0.9  # probability from which a language is taken for certain
LEAST_LETTERS = 12  # below which a text's language is not asked for
READ = 2000  # characters of a text that tell its language
SHARE = 0.5  # of the texts whose language is known, from which it is the bank's

European = Literal["en", "de", "fr", "es", "it", "pt", "nl"]
# Articles, pronouns, prepositions, conjunctions, auxiliaries and the like: closed classes, so that
# a list can be short. Those of English only tell it from others: what its phrases leave out is
# scikit-learn's longer list (scripts/checks/words.py).
_LISTED: dict[European, str] = {
    "en": """the a an and or but of to in on at by for with from as is are was were be been
        being it its this that these those he she they we you i me him her them us my your
        his their our not no do does did have has had will would can could should may
        might must if then than so such which who what when where how there here all any
        some more most other into about over up out it's""",
    "de": """der die das den dem des ein eine einen einem einer eines und oder aber denn weil
        dass ob wenn als wie so nicht kein keine keinen ich du er sie es wir ihr mich dich sich
        uns euch mir dir ihm ihn ihnen mein meine dein deine sein seine ihre ihren ihrem ihrer
        unser unsere ist sind war waren wird werden wurde wurden hat haben hatte hatten bin
        kann können konnte muss müssen soll sollte will wollen von vom zu zum zur in im ins an
        am auf aus bei beim mit nach für über unter um durch gegen ohne bis vor auch noch nur
        schon sehr mehr man da dann hier dort dies diese dieser dieses diesem diesen jede jeder
        jedes was wer wo welche alle""",
    "fr": """le la les l un une des du de d et ou mais donc car ni que qu qui quoi dont où si
        comme quand ne pas plus non je j tu il elle on nous vous ils elles me m te t se s lui
        leur leurs eux y en mon ma mes ton ta tes son sa ses notre nos votre vos ce c cet cette
        ces cela ça est es suis sommes êtes sont était étaient sera seront être été a ai as ont
        avons avez avait avaient avoir eu fait faire peut peuvent au aux à par pour dans sur
        sous avec sans entre vers chez très aussi bien même tout toute tous toutes autre
        autres""",
    "es": """el la los las un una unos unas lo al del de y e o u pero porque que quien cual
        como cuando donde si no ni yo tú él ella nosotros ustedes ellos ellas me te se le les
        nos mi mis tu tus su sus nuestro nuestra este esta estos estas ese esa esos eso esto es
        son soy era eran fue fueron ser sido está están estaba estar ha han he había haber hay
        tiene tienen puede pueden a ante con contra desde en entre hacia hasta para por según
        sin sobre muy más menos también ya todo toda todos todas otro otra otros otras""",
    "it": """il lo la i gli le l un uno una di d del dello della dei degli delle da dal dalla
        in nel nella nei nelle a al alla ai alle con su sul sulla per tra fra e ed o ma perché
        che chi cui come quando dove se non né io tu lui lei noi voi loro mi ti si ci vi mio
        mia tuo tua suo sua nostro nostra questo questa questi queste quello quella è sono era
        erano essere stato stata ho ha hanno avere aveva può possono molto più meno anche già
        tutto tutta tutti tutte altro altra altri altre""",
    "pt": """o a os as um uma uns umas de do da dos das em no na nos nas por pelo pela para com
        sem sob sobre entre até e ou mas porque que quem qual como quando onde se não nem eu tu
        você ele ela nós vocês eles elas me te lhe meu minha teu tua seu sua seus suas nosso
        nossa este esta estes estas esse essa isso isto é são era eram foi foram ser sido está
        estão estava estar tem têm ter tinha há pode podem muito mais menos também já todo toda
        todos todas outro outra outros outras ao aos à às""",
    "nl": """de het een en of maar want omdat dat die dit deze als zoals toen wie wat waar er
        niet geen ik jij je hij zij ze wij we jullie u mij me hem haar ons hen hun mijn jouw
        zijn onze is was waren ben bent wordt worden werd werden heeft hebben had hadden kan
        kunnen kon moet moeten zal zullen zou zouden wil van te ten ter in op aan bij met naar
        voor door over onder om tegen zonder tot uit ook nog maar zeer meer al dan hier daar
        alle andere""",
}
STOP_WORDS = {language: frozenset(listed.split()) for language, listed in _LISTED.items()}


def notice_of_language(texts: Sequence[str]) -> str | None:
    """What a report says of a bank whose texts are mostly in another language than English, for
    which the named features were not measured; None for one in English, or of no one language."""
    known = Counter(found for text in texts if (found := language(text)))
    if not known:
        return None
    name, count = known.most_common(1)[0]
    if name == MEASURED or count < SHARE * known.total():
        return None
    return (
        f"Most texts are in {NAMES.get(name, f'the language “{name}”')}. Named features such as "
        "refusals, apologies or hedges look for English words, and how well they agree with "
        "readers was measured on English texts alone; lengths, layout and phrases do not "
        "depend on it."
    )


# What is written before an apostrophe for a word of its own: l'eau, qu'il, dell'acqua.
ELIDED = frozenset(("l", "d", "qu", "j", "c", "n", "s", "m", "t", "un", "all", "dell", "nell"))


@cache
def _identifier():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@lru_cache(maxsize=2**14)
def language(text: str) -> str | None:
    """Language of a text, ISO 639-1; None where it is not certain, or the text has few letters."""
    read = text[:READ].lower()  # capitals mislead the identifier
    if sum(map(str.isalpha, read)) < LEAST_LETTERS:
        return None
    found, probability = _identifier().classify(read)
    return str(found) if probability > CONFIDENT else None


def european(words: Sequence[str]) -> European:
    """The language that most stop words of a text are of; English where no other has three of them
    or more, and more than English."""
    counts = Counter(words[:400])
    found: dict[European, int] = {
        name: sum(counts[word] for word in counts.keys() & listed)
        for name, listed in STOP_WORDS.items()
    }
    best = max(found, key=lambda name: (found[name], name))
    return best if found[best] > max(2, found["en"]) else "en"
