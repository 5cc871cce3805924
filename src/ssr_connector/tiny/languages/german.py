"""Tales in German."""

from ssr_connector.tiny.languages.language import Language

GERMAN = Language(
    code="de",
    name="German",
    voice="de",
    people=(
        *("Anna", "Greta", "Heike", "Katrin", "Lotte", "Monika", "Sabine", "Ursula"),
        *("Dieter", "Heinz", "Jürgen", "Karl", "Lukas", "Stefan", "Uwe", "Wolfgang"),
    ),
    places=(
        *("auf dem Markt", "im Garten", "am Bahnhof", "am Strand", "im Park"),
        *("am Fluss", "im Dorf", "auf der Brücke", "am Hafen", "im Wald"),
    ),
    times=(
        *("am Montag", "am Dienstag", "am Mittwoch", "am Donnerstag", "am Freitag", "am Samstag", "am Sonntag"),
        *("am Morgen", "am Abend", "heute"),
    ),
    scenes=(
        "{time} sind {hero} und {friend} {place}.",
        "{hero} trifft {time} {place} einen Nachbarn.",
        "{hero} wartet {time} {place}, und {friend} kommt zu spät.",
        "{time} ist {hero} {place}, aber {friend} bleibt zu Hause.",
    ),
    plots={
        "need": (
            ("{hero} hat Hunger.", "{hero} isst einen Teller Suppe."),
            ("{hero} hat Durst.", "{hero} trinkt ein Glas Wasser."),
            ("{hero} ist müde.", "{hero} geht ins Bett."),
            ("{hero} friert.", "{hero} setzt sich ans Feuer."),
            ("{hero} hat Fieber.", "{hero} ruft den Arzt."),
            ("{hero} langweilt sich.", "{hero} liest ein langes Buch."),
            ("{hero} leidet unter der Hitze.", "{hero} schwimmt im See."),
            ("{hero} kennt den Weg nicht.", "{hero} fragt einen Polizisten."),
        ),
        "work": (
            ("{hero} arbeitet in einer Bäckerei.", "{hero} backt frisches Brot."),
            ("{hero} arbeitet in einem Krankenhaus.", "{hero} behandelt kranke Leute."),
            ("{hero} arbeitet in einer Schule.", "{hero} unterrichtet die Kinder."),
            ("{hero} arbeitet auf einem Bauernhof.", "{hero} melkt die Kühe."),
            ("{hero} arbeitet in einem Restaurant.", "{hero} kocht für die Gäste."),
            ("{hero} arbeitet in einem Theater.", "{hero} singt auf der Bühne."),
            ("{hero} arbeitet in einer Werkstatt.", "{hero} repariert alte Autos."),
            ("{hero} arbeitet in einer Bank.", "{hero} zählt das Geld."),
        ),
        "weather": (
            ("Es regnet.", "{hero} nimmt einen Regenschirm."),
            ("Es schneit.", "{hero} zieht einen Schlitten."),
            ("Die Sonne scheint.", "{hero} trägt einen Strohhut."),
            ("Der Wind ist stark.", "{hero} lässt einen Drachen steigen."),
            ("Es ist dunkel.", "{hero} zündet eine Lampe an."),
            ("Der See ist gefroren.", "{hero} läuft auf dem Eis."),
            ("Der Weg ist voll Schlamm.", "{hero} trägt Gummistiefel."),
            ("Der Nebel ist dicht.", "{hero} fährt sehr langsam."),
        ),
        "journey": (
            ("{hero} reist nach Frankreich.", "{hero} übernachtet in Paris."),
            ("{hero} reist nach Italien.", "{hero} übernachtet in Rom."),
            ("{hero} reist nach Deutschland.", "{hero} übernachtet in Berlin."),
            ("{hero} reist nach Spanien.", "{hero} übernachtet in Madrid."),
            ("{hero} reist nach Russland.", "{hero} übernachtet in Moskau."),
            ("{hero} reist nach Griechenland.", "{hero} übernachtet in Athen."),
            ("{hero} reist nach Japan.", "{hero} übernachtet in Tokio."),
            ("{hero} reist nach Ägypten.", "{hero} übernachtet in Kairo."),
        ),
        "shop": (
            ("{hero} geht in die Apotheke.", "{hero} kauft ein paar Tabletten."),
            ("{hero} geht in die Buchhandlung.", "{hero} kauft ein Wörterbuch."),
            ("{hero} geht zum Metzger.", "{hero} kauft sechs Würste."),
            ("{hero} geht zur Post.", "{hero} kauft zwei Briefmarken."),
            ("{hero} geht in den Blumenladen.", "{hero} kauft rote Rosen."),
            ("{hero} geht zum Kiosk.", "{hero} kauft eine Zeitung."),
            ("{hero} geht in die Käserei.", "{hero} kauft ein Stück Käse."),
            ("{hero} geht zum Juwelier.", "{hero} kauft einen goldenen Ring."),
        ),
        "tool": (
            ("{hero} nimmt ein Messer.", "{hero} schneidet das Fleisch."),
            ("{hero} nimmt einen Stift.", "{hero} schreibt einen Brief."),
            ("{hero} nimmt einen Pinsel.", "{hero} streicht die Wand."),
            ("{hero} nimmt einen Besen.", "{hero} fegt den Boden."),
            ("{hero} nimmt einen Schlüssel.", "{hero} öffnet die Tür."),
            ("{hero} nimmt eine Gitarre.", "{hero} spielt ein Lied."),
            ("{hero} nimmt eine Nadel.", "{hero} näht ein Hemd."),
            ("{hero} nimmt eine Schaufel.", "{hero} gräbt ein Loch."),
        ),
    },
)
