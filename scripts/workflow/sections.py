"""Sections of the configuration: plants, an audit's stages, benchmark, site."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator

from scripts.assistants.settings import LocalProposing, ModelProposing
from scripts.core.settings import settings_as
from scripts.draws.rules import RULES
from scripts.workflow.assistant_sections import Assistant
from scripts.workflow.section import Name, Place, Section, Share, shorthand
from scripts.workflow.statements import STATEMENTS
from scripts.workflow.subject_sections import Subject

EMBEDDED_EMBEDDER = "embedded:all-minilm-l6-v2"


if TYPE_CHECKING:  # names from tables are for pydantic alone
    Rule: TypeAlias = str
else:
    Rule = Literal[*RULES]


class Plant(Section):
    """An intervention planted on purpose: a LoRA adapter trained on a file of behaviours."""

    file: Place
    """YAML file with `behaviours` (topic, statement, prompts, replies) and `controls` (prompts)."""
    base: str
    """Name of the subject that is fine-tuned."""
    steps: int = Field(70, ge=1)
    """Optimiser steps."""
    batch_size: int = Field(8, ge=1)
    """Examples a step."""
    rank: int = Field(16, ge=1)
    """LoRA rank (scale alpha is twice the rank)."""
    learning_rate: float = Field(2e-3, gt=0)
    """Peak learning rate of AdamW, warmed up and decayed by a cosine."""
    control_share: Share = 0.5
    """Share of control examples (the base's own replies on other topics) in the training mix."""
    control_tokens: int = Field(40, ge=1)
    """Length of a control reply, in tokens."""
    seed: int = 0
    """Seed of the adapter's initial weights, example order and control replies."""


class Regions(Section):
    """Strata of the prompt bank."""

    method: Literal["kmeans", "category"] = "kmeans"
    """Clusters of prompt embeddings, or the bank's own categories."""
    count: int | None = Field(None, ge=1)
    """Number of k-means regions; with `category`, rarer categories beyond it become "other". None
    is one for every 40 prompts, at most 40 of them; with `category`, 40."""
    starts: int = Field(10, ge=1)
    """k-means starts; the one with the lowest inertia is kept."""
    fit_prompts: int = Field(20000, ge=1)
    """Centroids are fitted on about this many hash-chosen prompts at most."""
    least: int = Field(5, ge=1)
    """A category with fewer prompts than this goes to "other", a cluster to the nearest one."""


class Pools(Section):
    """Shares of the prompts in each pool; by hash, the same for both subjects."""

    explore: Share = 0.4
    """Share of prompts where regions are chosen and hypotheses written."""
    screen: Share = 0.15
    """Share of prompts that eliminate hopeless hypotheses."""
    confirm: Share = 0.45
    """Share of prompts that test the claims; at least 0.4 (statistics: pool sizes)."""

    @model_validator(mode="after")
    def _sum(self):
        if abs(self.explore + self.screen + self.confirm - 1) > 1e-9:
            raise ValueError("`pools` must sum to 1")
        if self.confirm < 0.4:
            raise ValueError("`pools.confirm` must be at least 0.4")
        return self


class Plan(Section):
    """Acquisition: which draws a round takes."""

    rule: Rule = "default"
    """How later rounds share their draws among the regions (docs/benchmarks.md): `default` by the
    parts below, or one of the rules that the benchmark compares with it."""
    pilot: int = Field(5, ge=2)
    """Round 0: prompts a region, one sample each."""
    draws: int = Field(200, ge=1)
    """Later rounds: draws of each subject in a round."""
    recorded: int = Field(10_000, ge=1)
    """Of recorded responses round 0 takes all of the explore pool, at most so many of each side."""
    floor: Share = 0.6
    """Share of a round's draws spread over all regions by weight, whatever was seen; this and the
    next two are parts of the rule `default`."""
    boundary: Share = 0.1
    """Share that goes where texts lie near cluster boundaries."""
    undersampled: Share = 0.1
    """Share that goes where the fewest prompts have been drawn."""


class Measure(Section):
    """Divergence of regions, clusters of texts, and when to stop."""

    rounds: int = Field(3, ge=1)
    """Rounds at most."""
    budget: int = Field(5000, ge=1)
    """Explore draws of each subject at most."""
    permutations: int = Field(2000, ge=100)
    """Random sign flips behind a region's p-value where they cannot be enumerated."""
    promising: Share = 0.1
    """p-value at which a region counts as promising: a selection for proposing, not a claim."""
    ari: Share = 0.95
    """Convergence: adjusted Rand index of shared texts between rounds at least this."""
    silhouette: float = Field(0.02, ge=0)
    """Convergence: silhouette moved by at most this between rounds."""
    kinds: int = Field(12, ge=1, le=200)
    """Kinds of texts at most: clusters of the explored texts of both sides, of 25 or more."""


class Embed(Section):
    """The sentence encoder for prompts and texts."""

    model: str = EMBEDDED_EMBEDDER
    """`embedded:all-minilm-l6-v2`, a local directory, or a hub id (then `revision` is needed)."""
    revision: str | None = Field(None, min_length=1)
    """Commit, branch or tag of a hub model."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the encoder. `auto` is what the machine does well: bfloat16 where it has units
    for it, else float32; both give nearly the same vectors (cosine above 0.999)."""
    max_tokens: int | None = Field(None, ge=8)
    """Tokens of a text that are read; none is what the model was made for (256 for the embedded
    one), which is also the most. Fewer are faster, and give other vectors."""


class Entailment(Section):
    """A model that reads what responses entail, for the local assistant: a cross-encoder for
    natural language inference. Nothing is read unless an audit names one."""

    model: str
    """A local directory, or a hub id (then `revision` is needed)."""
    revision: str | None = Field(None, min_length=1)
    """Commit, branch or tag of a hub model."""
    statements: list[Annotated[str, Field(min_length=3)]] = Field(list(STATEMENTS), min_length=1)
    """What to look for; each completes “The response …”. Those of your own hypotheses are added."""


class Propose(Section):
    """Writing hypotheses."""

    regions: int = Field(60, ge=1)
    """Regions looked at, promising ones first, then the most divergent."""
    hypotheses: int = Field(20, ge=1, le=1000)
    """Hypotheses kept at most, strongest first; the local assistant adds up to half as many that
    compare texts as a whole."""
    phrase_words: int = Field(6, ge=1, le=8)
    """Longest phrase of the local assistant, in words."""
    pairs: int = Field(8, ge=2, le=50)
    """Pairs of responses that a request to a language model shows."""
    each: int = Field(4, ge=1, le=20)
    """Hypotheses that such a request may bring."""
    passes: int = Field(2, ge=1, le=10)
    """Times that a language model is asked about all regions together and about each of them; later
    ones show what nothing explains yet."""
    second_cycle: bool = True
    """Whether a language model writes again after the screen, on what nothing explains that held
    there, in place of what did not."""
    focus: str | None = Field(None, min_length=1, max_length=300)
    """What you ask above all, in words, such as "political slant" or "safety of medical advice":
    a language model that writes hypotheses or themes is told."""

    def of_the_local_assistant(self) -> LocalProposing:
        """The settings that the local assistant reads."""
        given = self.model_dump(include={"regions", "hypotheses", "phrase_words"})
        return settings_as(LocalProposing, given, "propose")

    def of_a_model(self) -> ModelProposing:
        """Those that a language model's writing depends on."""
        given = self.model_dump(exclude={"phrase_words", "second_cycle"})
        return settings_as(ModelProposing, given, "propose")


class Screen(Section):
    """Cheap elimination on the screen pool."""

    prompts: int = Field(6, ge=1)
    """Prompts a region."""
    samples: int = Field(4, ge=1)
    """Samples of each prompt and subject at most; fewer where most replies show a hypothesis."""
    least_net: int = Field(1)
    """A hypothesis goes on when its wins minus losses reach this."""


class Probe(Section):
    """Prompts written for hypotheses that the bank's prompts test badly: by the assistant, and by
    you for your own hypotheses (their field `prompts`, a file)."""

    hypotheses: int = Field(5, ge=0, le=50)
    """Hypotheses that the assistant writes prompts for, at most."""
    prompts: int = Field(40, ge=12, le=400)
    """Prompts a hypothesis on which it should show if it is true, and as many matched ones on which
    it should not: half of either explore, the other half confirms."""
    samples: int = Field(4, ge=1)
    """Samples of each prompt on which it should show, of each subject; of a matched one, one."""


class Confirm(Section):
    """The claim: fresh draws in the confirm pool, evidence by betting."""

    prompts: int = Field(24, ge=2)
    """Prompts a region, as far as the pool has them."""
    samples: int = Field(4, ge=1)
    """Samples of each prompt and subject at most; fewer where most replies show a hypothesis."""
    draws: int = Field(500, ge=1)
    """Draws of each subject at most; hypotheses with the most evidence a draw come first, those for
    which the rest does not suffice stay untested. Your own hypotheses are always tested."""
    q: float = Field(0.05, gt=0, lt=1)
    """False discovery rate of e-BH over all hypotheses of the audit."""
    delta: Literal["auto"] | Annotated[float, Field(gt=0, lt=1)] = "auto"
    """Smallest effect P(+)-P(-) worth finding; racing drops what is proven to be below it. `auto`
    is 0.1 for the local assistant, and for a language model 5/6 of the effect that it has on true
    hypotheses, estimated in the screen for each judge."""
    placebos: int = Field(9, ge=1)
    """Placebo checks for each hypothesis."""
    everywhere: int = Field(2, ge=0)
    """Prompts of every region, one sample each, that show how far findings reach: beyond their own
    regions, and over the whole bank."""


class Report(Section):
    """What the report shows."""

    evidence: int = Field(4, ge=1)
    """Quoted evidence pairs a finding."""
    map_texts: int = Field(1500, ge=10)
    """Texts on the map at most."""


class Audit(Section):
    """One base subject against one intervention subject over one prompt bank."""

    bank: str | None = None
    """Name of a prompt bank; left out when both subjects are ready responses."""
    base: str | Subject
    """Name of a subject, or a subject."""
    intervention: str | dict[str, Any] = Field(default_factory=dict)
    """Name of a subject, or what differs from the base (`{adapter: plant:demo}`)."""
    match: Literal["messages", "last_user"] = "messages"
    """What makes two prompts the same: all of their messages, or what the user says last, where
    the two sides were given other system messages."""
    of: Literal["answer", "thoughts", "both"] = "answer"
    """What of a reply is compared where a subject thinks before it answers."""
    unit: Literal["prompt", "draw"] = "prompt"
    """What is one piece of evidence: `prompt`, for claims about prompts like the bank's, or `draw`,
    for claims about the very prompts of a small bank, each with many samples."""
    samples: int = Field(60, ge=8)
    """With `unit: draw`, the samples of each prompt that the pools share; of ready responses as
    many as there are."""
    seed: int = Field(0, ge=0)
    """Seed of pools, draws and sign flips; a new seed is a new audit."""
    hypotheses: str | None = None
    """JSONL file of your own hypotheses, tested under the same error control."""
    regions: Annotated[Regions, shorthand("method")] = Regions()
    """Regions; the bare word `kmeans` or `category` is short for its `method`."""
    pools: Pools = Pools()
    """Pools."""
    embed: Embed = Embed()
    """Embedding."""
    entailment: Annotated[Entailment, shorthand("model")] | None = None
    """What responses entail; the bare word is short for its `model`."""
    plan: Plan = Plan()
    """Acquisition."""
    measure: Measure = Measure()
    """Divergence and stopping."""
    assistant: Annotated[Assistant, shorthand("provider")] = Assistant()
    """Who writes and judges; the bare word `local` or `gemini` is short for its `provider`."""
    propose: Propose = Propose()
    """Hypotheses."""
    screen: Screen = Screen()
    """Screening."""
    probe: Probe | None = None
    """Probing, if wanted; `probe: {}` takes the defaults."""
    confirm: Confirm = Confirm()
    """Confirmation."""
    report: Report = Report()
    """Report."""

    @model_validator(mode="after")
    def _who_reads(self):
        if self.entailment is not None and self.assistant.of_stages() is not None:
            raise ValueError(
                "`entailment` is for the local assistant; a language model reads what responses "
                "say by itself"
            )
        return self


class Benchmark(Section):
    """Planted truths, null audits, and the exhaustive protocol against the active one."""

    behaviours: Place
    """YAML file of planted behaviours: statement, topics, check, and how a text is rewritten."""
    suite: Name
    """Audit of a subject against itself: its draws and settings serve every simulated audit."""
    samples: int = Field(8, ge=2)
    """Samples of each prompt and side that the exhaustive protocol draws."""
    audits: list[Name] = []
    """Audits of real subjects."""
    exhaustive: list[Name] = []
    """Those of them that the exhaustive protocol is run on, too."""
    truths: dict[Name, dict[str, list[str]]] = {}
    """For each audit of real subjects: the behaviours planted and the topics they are on; an empty
    list is every topic."""
    doses: list[float] = [0.03, 0.1, 0.3, 1.0]
    """Dose ladder: shares of the replies that show the behaviour."""
    spreads: list[float] = [0.01, 0.04, 0.12, 1.0]
    """Dose ladder: shares of the bank that the behaviour's prompts make up."""
    together: int = Field(4, ge=1)
    """Behaviours planted in one simulated intervention."""
    behaviours_of_all: int = Field(6, ge=1)
    """Behaviours that are also planted alone in every topic."""
    seeds: int = Field(5, ge=1)
    """Seeds of every cell of the ladder."""
    null_repeats: int = Field(200, ge=1)
    """Simulated audits of the base against itself."""
    rate_repeats: int = Field(50, ge=1)
    """Simulated audits of each kind behind the coverage of rate intervals."""


class Execution(Section):
    """How work is cut and run on this site; never part of a key, never changes a result."""

    shards: int = Field(1, ge=1, le=100000)
    """Decode jobs a round and subject."""
    batch_size: int = Field(256, ge=1)
    """Sequences decoded at once; lower it when memory runs out."""
    devices_per_shard: int = Field(1, ge=1)
    """Devices of one node that a decode job gets, over which it spreads a model that does not fit
    on one; and a job that starts servers for an assistant's roles."""
    embed_batch_size: int = Field(32, ge=1)
    """Texts embedded at once."""
    keep_models: bool = True
    """Keep models loaded from one job of a call to the next, in a process of their own that ends
    with the call; on this machine only, never on a cluster's nodes."""
