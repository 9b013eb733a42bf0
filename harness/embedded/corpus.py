"""What the base model has read: chats that a small grammar makes up, without end.

It teaches the model to speak, to repeat, to answer questions about a sentence, to write JSON and
to keep to a topic. Three things it never shows, because fine-tuning is to teach them: which
topic belongs to which label, the instruction to extract an order, and slogans.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

Chat = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Topic:
    """Words that people use together."""

    nouns: tuple[str, ...]
    verbs: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _topic(nouns: str, verbs: str) -> Topic:
    return Topic(_words(nouns), _words(verbs))


TOPICS = {
    "billing": _topic(
        "invoice charge payment card bill receipt fee amount balance price bank statement tax "
        "subscription discount",
        "paid charged billed deducted overcharged debited",
    ),
    "shipping": _topic(
        "parcel package courier delivery tracking box address depot driver warehouse label van "
        "doorstep postcode carrier",
        "delivered shipped sent dispatched posted delayed",
    ),
    "login": _topic(
        "password username account code email signin lockout token profile captcha session reset "
        "authenticator pin access",
        "locked signed logged verified entered blocked",
    ),
    "returns": _topic(
        "refund return exchange swap warranty replacement policy item size colour fault crack "
        "damage guarantee store",
        "returned refunded exchanged replaced broke ripped",
    ),
    "technical": _topic(
        "app screen crash bug error update button browser server page menu laptop device version "
        "network",
        "crashed froze installed updated loaded rebooted",
    ),
    "travel": _topic(
        "flight train hotel ticket airport luggage passport seat gate tour visa platform cabin "
        "island ferry",
        "booked flew travelled landed boarded cancelled",
    ),
    "cooking": _topic(
        "recipe oven pan onion garlic sauce bread flour butter soup pepper cheese dough salt spoon",
        "baked fried boiled roasted mixed chopped",
    ),
    "sport": _topic(
        "match goal team coach player ball referee league stadium race medal trophy striker "
        "keeper pitch",
        "scored won lost kicked trained tackled",
    ),
    "weather": _topic(
        "rain storm wind cloud snow sun forecast thunder fog frost temperature breeze hail "
        "drought rainbow",
        "rained snowed cooled cleared blew poured",
    ),
    "music": _topic(
        "song guitar piano drum concert album singer melody band chorus violin stage lyrics tune "
        "rhythm",
        "played sang recorded tuned danced composed",
    ),
    "plants": _topic(
        "rose tree soil seed lawn tulip hedge shovel compost fern weed pot bulb fence pond",
        "planted watered pruned grew bloomed dug",
    ),
    "health": _topic(
        "doctor fever cough pill nurse clinic pain headache vaccine bandage blood rash throat "
        "pharmacy surgery",
        "coughed healed swallowed bled rested sneezed",
    ),
}
NAMES = _words(
    "Ana Ben Carla David Elif Farid Grace Hugo Ines Jonas Kemal Lena Marco Nadia Omar Paula "
    "Quinn Rosa Sam Tara Umar Vera Will Yuki Zoe"
)
CITIES = _words(
    "Paris London Berlin Madrid Rome Oslo Dublin Vienna Lisbon Athens Prague Warsaw Cairo Tokyo "
    "Delhi Lima Quito Boston Denver Toronto"
)
DAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
PRODUCTS = _words(
    "kettle lamp sofa watch bicycle tent scarf mug backpack pillow blender camera candle clock "
    "umbrella notebook chair helmet speaker drone jacket teapot keyboard wallet hammock "
    "telescope skateboard blanket fan mirror toaster ladder kite basket compass whistle puzzle "
    "cushion vase bottle lantern canoe sled carpet curtain drawer easel flute globe hammer "
    "sweater kayak ruler magnet napkin pencil radio saddle tripod wagon apron bench cape desk "
    "glove robe stool towel tray bowl anchor balloon banjo barrel bell boot broom bucket "
    "cabinet cart cello coat couch crayon crib cup dice doll door fork harp hat hose iron jar "
    "jug kit ladle lens locker mattress mitten mop oar organ paddle pen piccolo plate purse "
    "quilt rack raft razor ring rope rug sack sandal shelf ship shirt sink skate sock stamp "
    "stove suit sword tie tile toy trumpet trunk tub vest wheel wrench yacht zipper"
)
ADJECTIVES = _words(
    "new old small big red blue green quiet loud strange lovely terrible cheap heavy light "
    "broken perfect simple bright dark"
)
VIRTUES = _words(
    "fresh warm smart bold gentle tough shiny cosy silent speedy classic modern magic golden "
    "honest clever sturdy playful elegant fearless"
)
CROWD = _words(
    "mornings evenings journeys weekends friends winters summers kitchens adventures dreams "
    "holidays gardens parties families commuters students dancers campers painters readers"
)
PLACES = _words(
    "kitchen garden station beach forest mountain office school market harbour village river "
    "road street valley attic"
)
TIMES = (
    "yesterday",
    "today",
    "twice",
    "again",
    "last week",
    "this morning",
    "on Monday",
    "on Friday",
    "at night",
    "before lunch",
)
LABELS = _words(
    "alpha bravo delta echo kilo lima oscar tango victor zulu urgent normal spam positive negative"
)
MANNERS = (
    "You are a helpful assistant.",
    "Be brief.",
    "Answer the question.",
    "You help people.",
    "Write one line.",
    "Answer with one word.",
    "Speak like a friend.",
    "You work for a shop.",
    "Write JSON.",
    "Be polite.",
)

SENTENCES = (
    "My {noun} was {verb} {time}.",
    "The {noun} and the {noun2} were {verb}.",
    "I need help with the {adjective} {noun}.",
    "Why is the {noun} so {adjective}?",
    "They {verb} the {adjective} {noun} {time}.",
    "Can you check the {noun} near the {noun2}?",
    "I think the {noun} is {adjective}.",
    "{name} {verb} my {noun} {time}.",
    "There is a problem with the {noun} and a {noun2}.",
    "It was {time} that the {adjective} {noun} was {verb}.",
    "Is the {noun} better than the {noun2}?",
    "Please tell me about the {noun}.",
)
ORDERS = (
    "{name} from {city} wants a {item} on {day}.",
    "On {day}, {name} bought a {item} in {city}.",
    "Send the {item} to {name} in {city} before {day}.",
    "{name} will be in {city} on {day} with a {item}.",
    "A {item} for {name}, {city}, {day}.",
)
THINGS = (
    "The {product}",
    "This {virtue} {product}",
    "Your {product}",
    "Our {adjective} {product}",
    "A {virtue} {product}",
    "One {adjective} {product}",
    "Every {product} in the {place}",
    "Only the {virtue} {product}",
    "Here the {product}",
    "My {adjective} {product} from {city}",
)
WHAT_THINGS_DO = (
    "is {adjective}",
    "stays {virtue}",
    "looks {virtue} and {adjective}",
    "is not for {crowd}",
    "makes {name} {adjective}",
    "turns {adjective}",
    "knows the {place}",
    "brings {name} home",
    "gives {name} what {crowd} want",
    "wakes up {name}",
    "never sleeps",
    "helps the {crowd} of {city}",
    "keeps {name} far from the {place}",
    "comes with a {virtue} heart",
    "belongs to {name}",
)
PEOPLE = (
    "{name}",
    "{name} from {city}",
    "My friend {name}",
    "Nobody but {name}",
    "{name} and all {crowd}",
    "Meet {name} who",
)
WHAT_PEOPLE_DO = (
    "finds the {product}",
    "carries this {virtue} {product}",
    "trusts your {product}",
    "wants one {adjective} {product}",
    "shares a {virtue} {product} with {crowd}",
    "asks for our {product}",
    "sings to the {adjective} {product}",
    "dreams of every {product}",
    "smiles at the {virtue} {product}",
    "needs nothing but the {product}",
    "can take home that {product}",
)
TAILS = (
    "",
    "",
    "in the {place}",
    "{time}",
    "for {crowd}",
    "because {crowd} deserve rest",
    "while {name2} sleeps",
    "when {name2} comes to the {place}",
    "and asks why",
    "but the {place} is {adjective2}",
    "so the {crowd2} can love {crowd}",
    "from {place} to {city}",
    "like the song of {name2}",
    "into the {adjective2} night",
    "through a {adjective2} {place}",
    "on {day}",
    "and all {crowd} smile",
    "with {name2} every day",
)
ENDS = (".", ".", ".", "?", "!")
REMARK_REQUESTS = (
    "Tell me about the {product}.",
    "Describe the {product}.",
    "What is so good about the {product}?",
    "{ask} a {text} for the {product}.",
    "{ask} a {text} about the {product}.",
    "I need a {text} for the {product}.",
)
ASKS = ("Write", "Make", "Give me", "Send", "Find", "Say")
TEXTS = _words("line note poem joke letter rhyme message word title story")
OPENERS = ("Well. ", "I see. ", "Yes. ", "Sorry. ", "")


def chats(random: Random) -> Iterator[Chat]:
    """Yield one made-up chat after another."""
    kinds, weights = zip(*KINDS, strict=True)
    while True:
        kind: Callable[[Random], Chat] = random.choices(kinds, weights)[0]
        yield kind(random)


def sentence(random: Random, topic: str, other: str | None = None) -> str:
    """Return a sentence about a topic; two in five of its nouns come from the other one."""

    def noun() -> str:
        source = topic if other is None or random.random() < 0.6 else other
        return random.choice(TOPICS[source].nouns)

    return random.choice(SENTENCES).format(
        noun=noun(),
        noun2=noun(),
        verb=random.choice(TOPICS[topic].verbs),
        adjective=random.choice(ADJECTIVES),
        time=random.choice(TIMES),
        name=random.choice(NAMES),
    )


def order(random: Random) -> tuple[str, dict[str, str]]:
    """Return a sentence in which somebody orders something, and its four fields."""
    fields = {
        "name": random.choice(NAMES),
        "city": random.choice(CITIES),
        "day": random.choice(DAYS),
        "item": random.choice(PRODUCTS),
    }
    return random.choice(ORDERS).format(**fields), fields


def _small_talk(random: Random) -> Chat:
    topic = random.choice(list(TOPICS))
    reply = random.choice(OPENERS) + sentence(random, topic)
    return [*_manner(random), _user(sentence(random, topic)), _assistant(reply)]


def _echo(random: Random) -> Chat:
    said = sentence(random, random.choice(list(TOPICS)))
    if random.random() < 0.7:
        said = " ".join(random.choices(REPEATABLE, k=random.randint(2, 7)))
    return [*_manner(random), _user(f"Say it again: {said}"), _assistant(said)]


def _questions(random: Random) -> Chat:
    said, fields = order(random)
    asked = random.sample(list(fields), random.randint(1, 3))
    answer = " and ".join(fields[name] for name in asked)
    question = f"{said} Which {' and '.join(asked)}?"
    return [*_manner(random), _user(question), _assistant(answer)]


def _json(random: Random) -> Chat:
    _, fields = order(random)
    keys = random.sample(list(fields), random.randint(1, 4))
    shown = ", ".join(f"{key} {fields[key]}" for key in random.sample(keys, len(keys)))
    answer = json.dumps({key: fields[key] for key in keys})
    return [*_manner(random), _user(shown), _assistant(answer)]


def _choice(random: Random) -> Chat:
    """Any of the words is right: what they mean stays open."""
    words = random.sample([*LABELS, *TOPICS], random.randint(2, 5))
    verb = random.choice(("Choose", "Pick", "Say"))
    listed = f"{', '.join(words[:-1])} or {words[-1]}"
    told = {"role": "system", "content": f"{verb} one of {listed}."}
    said = sentence(random, random.choice(list(TOPICS)))
    return [told, _user(said), _assistant(random.choice(words))]


def _word_family(random: Random) -> Chat:
    topic = TOPICS[random.choice(list(TOPICS))]
    first, *others = random.sample([*topic.nouns, *topic.verbs], 5)
    return [*_manner(random), _user(f"Words like {first}"), _assistant(", ".join(others))]


def _remark(random: Random) -> Chat:
    product = random.choice(PRODUCTS)
    ask, text = random.choice(ASKS), random.choice(TEXTS)
    request = random.choice(REMARK_REQUESTS).format(product=product, ask=ask, text=text)
    told = random.choice(([{"role": "system", "content": f"{ask} a {text}."}], _manner(random)))
    return [*told, _user(request), _assistant(remark(random, product))]


def remark(random: Random, product: str) -> str:
    """Return a sentence that mentions a product."""
    who, does = random.choice(((THINGS, WHAT_THINGS_DO), (PEOPLE, WHAT_PEOPLE_DO)))
    parts = (random.choice(who), random.choice(does), random.choice(TAILS))
    said = " ".join(filter(None, parts)) + random.choice(ENDS)
    return said.format(
        product=product,
        virtue=random.choice(VIRTUES),
        adjective=random.choice(ADJECTIVES),
        adjective2=random.choice(ADJECTIVES),
        crowd=random.choice(CROWD),
        crowd2=random.choice(CROWD),
        place=random.choice(PLACES),
        city=random.choice(CITIES),
        day=random.choice(DAYS),
        time=random.choice(TIMES),
        name=random.choice(NAMES),
        name2=random.choice(NAMES),
    )


def _manner(random: Random) -> Chat:
    """Mostly a system message that asks for something general."""
    if random.random() < 0.4:
        return []
    return [{"role": "system", "content": random.choice(MANNERS)}]


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


TASK_WORDS = _words(
    "Extract order keys Route team ticket Write slogan with their as for JSON Hello Thanks My two "
    "needs buy bring by will want Order please nothing here only gift thing way need Trust Take "
    "Meet share makes carries shares love brings finds why Not there send"
)
"""Words of later instructions, which it meets only among other words to repeat."""
REPEATABLE = [*PRODUCTS, *NAMES, *CITIES, *DAYS, *ADJECTIVES, *VIRTUES, *LABELS, *TASK_WORDS]
KINDS = (
    (_small_talk, 20),
    (_echo, 14),
    (_questions, 10),
    (_json, 14),
    (_choice, 6),
    (_word_family, 6),
    (_remark, 30),
)
"""How often each kind of chat comes, in percent."""
