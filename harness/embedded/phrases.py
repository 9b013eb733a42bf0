"""The words and sentence frames of the base model's corpus: data, no grammar."""

from __future__ import annotations

from dataclasses import dataclass


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
CHOICES = ("Choose one of", "Pick", "Say", "Send it to")
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
TASK_WORDS = _words(
    "Extract order keys Route team ticket Write slogan with their as for JSON Hello Thanks My two "
    "needs buy bring by will want Order please nothing here only gift thing way need Trust Take "
    "Meet share makes carries shares love brings finds why Not there send"
)
"""Words of later instructions, which it meets only among other words to repeat."""
REPEATABLE = [*PRODUCTS, *NAMES, *CITIES, *DAYS, *ADJECTIVES, *VIRTUES, *TOPICS, *TASK_WORDS]
