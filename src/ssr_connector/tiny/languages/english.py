"""Tales in English."""

from ssr_connector.tiny.languages.language import Language

ENGLISH = Language(
    code="en",
    name="English",
    voice="en-us",
    people=(
        *("Anna", "Emily", "Grace", "Helen", "Lucy", "Olivia", "Sarah", "Wendy"),
        *("Adam", "Brian", "George", "Henry", "Kevin", "Oscar", "Robert", "Walter"),
    ),
    places=(
        *("at the market", "in the garden", "at the station", "on the beach", "in the park"),
        *("by the river", "in the village", "on the bridge", "at the harbour", "in the forest"),
    ),
    times=(
        *("on Monday", "on Tuesday", "on Wednesday", "on Thursday", "on Friday", "on Saturday", "on Sunday"),
        *("in the morning", "in the evening", "today"),
    ),
    scenes=(
        "{time} {hero} and {friend} are {place}.",
        "{hero} meets a neighbour {place} {time}.",
        "{hero} is waiting {place} {time}, and {friend} is late.",
        "{time} {hero} is {place}, but {friend} stays at home.",
    ),
    plots={
        "need": (
            ("{hero} is hungry.", "{hero} eats a bowl of soup."),
            ("{hero} is thirsty.", "{hero} drinks a glass of water."),
            ("{hero} is sleepy.", "{hero} goes to bed."),
            ("{hero} is cold.", "{hero} sits down by the fire."),
            ("{hero} has a fever.", "{hero} calls the doctor."),
            ("{hero} is bored.", "{hero} reads a long book."),
            ("{hero} suffers from the heat.", "{hero} swims in the lake."),
            ("{hero} does not know the way.", "{hero} asks a policeman."),
        ),
        "work": (
            ("{hero} works in a bakery.", "{hero} bakes fresh bread."),
            ("{hero} works in a hospital.", "{hero} treats sick people."),
            ("{hero} works in a school.", "{hero} teaches the children."),
            ("{hero} works on a farm.", "{hero} milks the cows."),
            ("{hero} works in a restaurant.", "{hero} cooks for the guests."),
            ("{hero} works in a theatre.", "{hero} sings on the stage."),
            ("{hero} works in a garage.", "{hero} repairs old cars."),
            ("{hero} works in a bank.", "{hero} counts the money."),
        ),
        "weather": (
            ("It is raining.", "{hero} takes an umbrella."),
            ("It is snowing.", "{hero} pulls a sledge."),
            ("The sun is shining.", "{hero} wears a straw hat."),
            ("The wind is strong.", "{hero} flies a kite."),
            ("It is dark.", "{hero} lights a lamp."),
            ("The lake is frozen.", "{hero} skates on the ice."),
            ("The road is full of mud.", "{hero} wears rubber boots."),
            ("The fog is thick.", "{hero} drives very slowly."),
        ),
        "journey": (
            ("{hero} travels to France.", "{hero} spends the night in Paris."),
            ("{hero} travels to Italy.", "{hero} spends the night in Rome."),
            ("{hero} travels to Germany.", "{hero} spends the night in Berlin."),
            ("{hero} travels to Spain.", "{hero} spends the night in Madrid."),
            ("{hero} travels to Russia.", "{hero} spends the night in Moscow."),
            ("{hero} travels to Greece.", "{hero} spends the night in Athens."),
            ("{hero} travels to Japan.", "{hero} spends the night in Tokyo."),
            ("{hero} travels to Egypt.", "{hero} spends the night in Cairo."),
        ),
        "shop": (
            ("{hero} goes to the pharmacy.", "{hero} buys some tablets."),
            ("{hero} goes to the bookshop.", "{hero} buys a dictionary."),
            ("{hero} goes to the butcher.", "{hero} buys six sausages."),
            ("{hero} goes to the post office.", "{hero} buys two stamps."),
            ("{hero} goes to the flower shop.", "{hero} buys red roses."),
            ("{hero} goes to the kiosk.", "{hero} buys a newspaper."),
            ("{hero} goes to the dairy.", "{hero} buys a piece of cheese."),
            ("{hero} goes to the jeweller.", "{hero} buys a golden ring."),
        ),
        "tool": (
            ("{hero} takes a knife.", "{hero} cuts the meat."),
            ("{hero} takes a pen.", "{hero} writes a letter."),
            ("{hero} takes a brush.", "{hero} paints the wall."),
            ("{hero} takes a broom.", "{hero} sweeps the floor."),
            ("{hero} takes a key.", "{hero} opens the door."),
            ("{hero} takes a guitar.", "{hero} plays a song."),
            ("{hero} takes a needle.", "{hero} sews a shirt."),
            ("{hero} takes a shovel.", "{hero} digs a hole."),
        ),
    },
)
