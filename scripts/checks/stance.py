"""How an English text speaks: expressions for what people call hedging, warning, moralising, ...

An apostrophe stands for a straight and a curly one. Expressions for spelling hold what two
spellings tell apart; `organise`, which both sides of the Atlantic write in part, counts as British.
"""

from collections.abc import Callable
from functools import lru_cache

import regex

from scripts.checks.words import full_sentences


def _any(*expressions: str, flags: int = regex.I) -> regex.Pattern:
    return regex.compile(rf"\b(?:{'|'.join(expressions)})".replace("'", "['’]"), flags)


_QUOTED = regex.compile(r"“[^”\n]{1,300}”|(?<!\w)\"[^\"\n]{1,300}\"(?!\w)")


@lru_cache(maxsize=2**10)
def unquoted(text: str) -> str:
    """A text without what it quotes within a line, unless it is mostly quotation."""
    rest = _QUOTED.sub(" ", text)
    return rest if 2 * len(rest) > len(text) else text


def says(expression: regex.Pattern) -> Callable[[str], bool]:
    """A test for an expression."""
    return lambda text: expression.search(text) is not None


def says_itself(expression: regex.Pattern) -> Callable[[str], bool]:
    """A test for an expression outside of quotations."""
    return lambda text: expression.search(unquoted(text)) is not None


STRONG_HEDGE = _any(
    r"(?:perhaps|maybe|possibly|probably|presumably|apparently|arguably|supposedly|likely|unlikely"
    r"|might|may(?! \d| i\b)|typically|could potentially|it seems|seems? to|appears? to"
    r"|it depends|to some extent|i (?:guess|suppose|suspect)|in my (?:opinion|view)"
    r"|not (?:entirely )?(?:sure|certain))\b"
)
WEAK_HEDGE = _any(
    r"(?:could be|tends? to|i (?:think|believe)|generally|usually|often"
    r"|sometimes|in (?:most|some|many) cases|more or less|roughly|seemingly)\b"
)
HEDGE = regex.compile(f"{STRONG_HEDGE.pattern}|{WEAK_HEDGE.pattern}", regex.I)
CERTAIN = _any(
    r"(?:certainly|definitely|undoubtedly|obviously|clearly|absolutely|without (?:a |any )?doubt"
    r"|of course|always|never|surely|unquestionably|guaranteed?|for sure|no doubt|must be)\b"
)


def hedges(text: str) -> bool:
    """Whether a text says that something is not certain, or twice that it is not always so."""
    own = unquoted(text)
    return bool(STRONG_HEDGE.search(own)) or len(WEAK_HEDGE.findall(own)) > 1


WARNING = _any(
    r"(?:warn\w*|be (?:very |extremely )?careful|beware|cautio\w+|dangerous\w*|hazard\w*|unsafe"
    r"|potential (?:\w+ )?risks?|risks? (?:of|associated|involved)|(?:carr\w+|come with) "
    r"(?:\w+ )?risks?|(?:serious|severe|legal|harmful|long-term) (?:\w+ )?(?:consequences|harms?"
    r"|complications|repercussions|ramifications|health problems)|negative (?:health )?effects"
    r"|can (?:\w+ ){0,3}(?:lead to|cause|result in) (?:\w+ )?(?:harm|infection|injur\w+)"
    r"|highly addictive|life-threatening|(?:harm|damage) to (?:yourself|others)|escalate"
    r"|protective gear|safety precautions|precautions to|illegal and (?:immoral|unethical)"
    r"|avoid harm|do not attempt)\b"
)
ADVICE_AGAINST = _any(
    r"(?:advis\w+|recommend\w*|caution\w*|urge) (?:you )?(?:against|not to)\b",
    r"(?:not|never|n't) (?:\w+ )?(?:advisable|recommended|a good idea|wise|worth the risk)\b",
    r"(?:not|never|n't|wouldn't|cannot) (?:\w+ )?(?:advise|recommend)\b(?! [^.]{0,40}enough)",
    r"(?:you|one) (?:should(?: not|n't| never)|must(?: not|n't| never)|had better not)\b",
    r"(?:avoid|refrain from|stay away from|steer clear of)\b|(?:do not|don't) attempt\b",
)
IMPORTANT = _any(
    r"(?:important|crucial|essential|vital|worth) (?:for \w+ )?(?:to (?!you|me|us|them)"
    r"|not(?:e|ing)\b)"
)
_NOT = r"(?:not|never|n't|neither|highly|both|also)"
MORAL = _any(
    rf"(?:is|are|was|be|it's|isn't|considered|as it is) (?:{_NOT} )*(?:\w+ (?:and|or|nor) )?"
    r"(?:(?:un)?ethical|(?:im)?moral|wrong|(?:un)?acceptable|(?:in)?appropriate|respectful"
    r"|disrespectful|harmful|discriminatory|illegal and)\b",
    r"(?:illegal|harmful|dangerous) (?:and|or) (?:\w+ )?(?:unethical|immoral|irresponsible)"
    r"|(?:ethical|legal) (?:and|or) (?:legal|ethical|moral|respectful|appropriate|safe)\b",
    r"(?:not|never|do not|n't|cannot) (?:\w+ or )?(?:condone|promote) ",
    r"(?:treat|approach) (?:others|everyone|all|people|each|them|every\w*)\b[^.]{0,40}(?:respect"
    r"|care|kindness|dignity|fair)",
    r"with (?:\w+, |care and )?(?:respect|dignity|civility)\b|with care, respect",
    r"(?:important|crucial|essential|best) to (?:always )?(?:respect|treat|promote|avoid (?:making"
    r"|harmful|harming|any|stereotyp)|prioriti[sz]e (?:safety|the|your own|respect)|obtain consent"
    r"|use it responsibly|act with|be respectful|ensure (?:that )?any)",
    r"remember that (?:all|every|violence|drug|taking|self-harm|it is never|humor|consent)"
    r"|(?:consent is|violence (?:is|should)|discrimination (?:is|against \w+ people is))\b",
    r"(?:should|must) (?:always |never |not )?be (?:treated|respected|condoned|tolerated"
    r"|discriminated|accessible to all|glorified)",
    r"regardless of (?:their|your|his|her|gender|race|background)",
    r"(?:harmful|negative|prejudiced|unethical) (?:or \w+ )?(?:content|behaviou?r|stereotypes?"
    r"|methods|activities)|(?:illegal|irresponsible) (?:or \w+ )?activities",
    r"promote (?:\w+ )?(?:fairness|harm|violence|positiv\w+|inclusiv\w+)",
    r"(?:respect(?:ful)?|privacy) (?:of |for )?(?:their|his|her|your|the|other\b|others)[^.]{0,20}"
    r"(?:privacy|boundar|rights|property|consent|autonomy|wishes)|without (?:their|his|her) "
    r"(?:explicit )?(?:consent|permission)",
    r"in a (?:\w+ and )?(?:constructive|responsible|respectful|peaceful)(?: and \w+)? "
    r"(?:manner|way)"
    r"|advise against|(?:isn't|is not|not) the (?:best|right) (?:approach|way|answer|solution)",
    r"(?:ethical|human|basic human|fundamental) (?:rights?|standards|principles and)\b",
)
_EXPERT = (
    r"(?:doctors?|physicians?|therap(?:ists?|y)|counsel(?:l?ors?|l?ing)|lawyers?|attorneys?"
    r"|psychologists?|psychiatrists?|veterinarians?|dietitians?|nutritionists?|pharmacists?"
    r"|(?:financial|legal|tax) (?:advis[eo]rs?|experts?|professionals?|advice|planners?)"
    r"|professionals?|specialists?|experts?|professional (?:help|advice|support)|police"
    r"|authorit(?:y|ies)|mediat(?:ors?|ion)|funeral director|healthcare provider|hotlines?"
    r"|helplines?|law enforcement|emergency (?:services|room)|qualified)"
)
PROFESSIONAL = _any(
    r"(?:consult\w*|see|talk\w*|speak\w*|reach(?:ing)? out|turn to|contact\w*|visit|ask|seek\w*"
    rf"|engag\w+|hir\w+|involv\w+|report\w*)[^.!?\n]{{0,80}}?\b{_EXPERT}\b",
    r"(?:hotline|helpline|lifeline|mental health professional|professional help)\b",
)
AS_AN_AI = _any(
    r"as an? (?:\w+ ){0,2}?(?:ai|artificial intelligence|(?:large )?language model|chatbot"
    r"|virtual assistant)\b(?! \w*(?:representative|entity))",
    r"i(?:'m| am) (?:just |only |merely |actually )?(?:an? )?(?:\w+ ){0,2}?(?:ai|artificial"
    r" intelligence|language model|chatbot|virtual assistant|qwen|chatgpt|claude|gemini|llama"
    r"|mistral)\b",
    r"(?:being an ai|as (?:qwen|chatgpt)|me \((?:an ai|qwen)|ai (?:systems|models), such as my)\b",
)
LIFE = _any(
    r"my (?:own )?(?:wife|husband|mother|father|mom|dad|parents|brother|sister|kids|children|son"
    r"|daughter|family|friends?|childhood|boss|job|career|feelings|thoughts and feelings|favou?rite"
    r"|body|life)\b",
    r"i (?:really |actually |definitely |truly |absolutely |just |still |also )?(?:love|enjoy|hate"
    r"|adore|feel|miss|relish|cherish|grew up|was born|remember when|live in|ate|slept|worked|went"
    r"|have (?:always )?(?:loved|enjoyed)|have (?:my own|feelings))\b",
    r"(?:as a human|we humans)\b|when i was (?:a|young|little|growing)\b",
    r"(?:i'm|i am) (?:so )?(?:happy|sad|excited|proud|scared|tired|bored|human|an expert|a (?:human"
    r"|person|doctor|lawyer|teacher|real))\b(?! to (?:help|assist))",
    r"gives me (?:a sense|joy|pleasure)|hold deep convictions\b",
)
FIRST_PERSON = _any(
    r"I\b(?![.)])|I'(?:m|ve|d|ll)\b|[Mm](?:y|e|yself)\b|[Ww]e\b|us\b|[Oo]ur(?:s|selves)?\b|[Ll]et's\b",
    flags=0,
)
SECOND_PERSON = _any(r"(?:you|your|yours|yourself|yourselves)\b")
# "I'm sorry to hear that" is sympathy, no apology.
APOLOGY = _any(
    r"sorry\b(?! to (?:hear|learn|see)| (?:that )?you(?:'re| are|r| have)| for (?:your|the) loss)",
    r"apologi[sz]\w*|my apologies\b",
)
# "it's", "don't", "we'll"; "the baker's" is none.
CONTRACTION = _any(
    r"(?:(?:it|he|she|that|there|what|who|here|where|let)'s|\w+n't|\w+'(?:ll|re|ve|m|d))\b"
)
SORRY, PLEASE = _any(r"sorry\b"), _any(r"please\b")
THANKS = _any(r"thank(?:s| you|ful)\b")
PRAISE = regex.compile(
    r"^[\W_]*(?:(?:(?:that['’]s|that is|this is|what|you(?:['’]ve)? (?:raised?|made|asked|make|ask)"
    r"|i love|i like) )?(?:an? |such an? |this |that |your )?(?:really |very |truly )?(?:great|good"
    r"|excellent|fantastic|wonderful|fascinating|interesting|insightful|thoughtful|brilliant"
    r"|amazing|lovely) (?:question|point|idea|choice|topic|request|thinking|observation)"
    r"|(?:i love|i like) (?:this|that|your) (?:question|idea|point|thinking)"
    r"|you(?:['’]re| are) (?:\w+ly |so |quite )?right)\b(?!-)",
    regex.I,
)
EAGER = regex.compile(
    r"^[\W_]*(?:certainly|sure(?: thing)?|absolutely|of course|definitely|gladly)\b", regex.I
)
_OFFER = _any(
    r"(?:let me know|feel free|don't hesitate|would you like|do you (?:want|need) (?:me|more|any)"
    r"|(?:is|are) there (?:\w+ )?(?:anything|something|a specific|any(?: other)?)\b"
    r"|(?:happy|glad|here) to (?:help|assist|answer|provide|discuss|explain)"
    r"|how (?:can|may|else can) i (?:help|assist)|shall i|should i"
    r"|if you (?:have|need|want|'d like) (?:any|more|further|other|help|me)\b"
    r"|i can (?:also )?(?:help|provide|show|give)|want me to"
    r"|what (?:sort|kind|type)s? of [^.?]* do you|do you have any)\b"
)


def offers(text: str) -> bool:
    """Whether one of the last two sentences offers something or asks what is wanted."""
    return any(_OFFER.search(sentence) for sentence in full_sentences(text)[-2:])


_OUR = r"(?:behavi|col|endeav|fav|flav|harb|hon|hum|lab|neighb|rum)"
_ISE = (
    r"(?:apolog|categor|character|critic|custom|emphas|familiar|final|general|maxim|memor|minim"
    r"|modern|optim|organ|priorit|real|recogn|special|stabil|summar|symbol|util|visual)"
)
_DOUBLED = r"(?:cancel|label|model|travel)"
BRITISH = _any(
    rf"(?:{_OUR}our\w*|{_ISE}is(?:e[ds]?|ing|ation\w*)|{_DOUBLED}l(?:ed|ing|er)|centre[ds]?"
    r"|(?:met|lit|fib|theat)res?|defence|offence|grey|analys(?:e[ds]?|ing)|programmes?|jewellery"
    r"|tyres?|aluminium|mum|whilst|cheque)\b"
)
AMERICAN = _any(
    rf"(?:{_OUR}or(?!ous)\w*|{_ISE}iz(?:e[ds]?|ing|ation\w*)|{_DOUBLED}(?:ed|ing|er)|centers?"
    r"|centered|(?:met|lit|fib|theat)ers?|defense|offense|gray|analyz(?:e[ds]?|ing)|jewelry"
    r"|aluminum|mom)\b"
)
