"""Tales in Spanish."""

from ssr_connector.tiny.languages.language import Language

SPANISH = Language(
    code="es",
    name="Spanish",
    voice="es",
    people=(  # none that begins with the sound of "y", which would be "e" before it
        *("Ana", "Carmen", "Elena", "Lucía", "Marta", "Pilar", "Rosa", "Teresa"),
        *("Carlos", "Diego", "Javier", "José", "Luis", "Miguel", "Pablo", "Pedro"),
    ),
    places=(
        *("en el mercado", "en el jardín", "en la estación", "en la playa", "en el parque"),
        *("junto al río", "en el pueblo", "en el puente", "en el puerto", "en el bosque"),
    ),
    times=(
        *("el lunes", "el martes", "el miércoles", "el jueves", "el viernes", "el sábado", "el domingo"),
        *("por la mañana", "por la tarde", "hoy"),
    ),
    scenes=(
        "{time} {hero} y {friend} están {place}.",
        "{hero} encuentra a un vecino {place} {time}.",
        "{hero} espera {place} {time}, y {friend} llega tarde.",
        "{time} {hero} está {place}, pero {friend} se queda en casa.",
    ),
    plots={
        "need": (
            ("{hero} tiene hambre.", "{hero} come un plato de sopa."),
            ("{hero} tiene sed.", "{hero} bebe un vaso de agua."),
            ("{hero} tiene sueño.", "{hero} se va a la cama."),
            ("{hero} tiene frío.", "{hero} se sienta junto al fuego."),
            ("{hero} tiene fiebre.", "{hero} llama al médico."),
            ("{hero} se aburre.", "{hero} lee un libro largo."),
            ("{hero} sufre por el calor.", "{hero} nada en el lago."),
            ("{hero} no conoce el camino.", "{hero} pregunta a un policía."),
        ),
        "work": (
            ("{hero} trabaja en una panadería.", "{hero} hace pan fresco."),
            ("{hero} trabaja en un hospital.", "{hero} cura a los enfermos."),
            ("{hero} trabaja en una escuela.", "{hero} enseña a los niños."),
            ("{hero} trabaja en una granja.", "{hero} ordeña las vacas."),
            ("{hero} trabaja en un restaurante.", "{hero} cocina para los clientes."),
            ("{hero} trabaja en un teatro.", "{hero} canta en el escenario."),
            ("{hero} trabaja en un taller.", "{hero} repara coches viejos."),
            ("{hero} trabaja en un banco.", "{hero} cuenta el dinero."),
        ),
        "weather": (
            ("Está lloviendo.", "{hero} coge un paraguas."),
            ("Está nevando.", "{hero} arrastra un trineo."),
            ("Brilla el sol.", "{hero} lleva un sombrero de paja."),
            ("El viento es fuerte.", "{hero} vuela una cometa."),
            ("Está oscuro.", "{hero} enciende una lámpara."),
            ("El lago está helado.", "{hero} patina sobre el hielo."),
            ("El camino está lleno de barro.", "{hero} lleva botas de goma."),
            ("La niebla es densa.", "{hero} conduce muy despacio."),
        ),
        "journey": (
            ("{hero} viaja a Francia.", "{hero} pasa la noche en París."),
            ("{hero} viaja a Italia.", "{hero} pasa la noche en Roma."),
            ("{hero} viaja a Alemania.", "{hero} pasa la noche en Berlín."),
            ("{hero} viaja a España.", "{hero} pasa la noche en Madrid."),
            ("{hero} viaja a Rusia.", "{hero} pasa la noche en Moscú."),
            ("{hero} viaja a Grecia.", "{hero} pasa la noche en Atenas."),
            ("{hero} viaja a Japón.", "{hero} pasa la noche en Tokio."),
            ("{hero} viaja a Egipto.", "{hero} pasa la noche en El Cairo."),
        ),
        "shop": (
            ("{hero} va a la farmacia.", "{hero} compra unas pastillas."),
            ("{hero} va a la librería.", "{hero} compra un diccionario."),
            ("{hero} va a la carnicería.", "{hero} compra seis salchichas."),
            ("{hero} va a la oficina de correos.", "{hero} compra dos sellos."),
            ("{hero} va a la floristería.", "{hero} compra rosas rojas."),
            ("{hero} va al quiosco.", "{hero} compra un periódico."),
            ("{hero} va a la lechería.", "{hero} compra un trozo de queso."),
            ("{hero} va a la joyería.", "{hero} compra un anillo de oro."),
        ),
        "tool": (
            ("{hero} toma un cuchillo.", "{hero} corta la carne."),
            ("{hero} toma un bolígrafo.", "{hero} escribe una carta."),
            ("{hero} toma un pincel.", "{hero} pinta la pared."),
            ("{hero} toma una escoba.", "{hero} barre el suelo."),
            ("{hero} toma una llave.", "{hero} abre la puerta."),
            ("{hero} toma una guitarra.", "{hero} toca una canción."),
            ("{hero} toma una aguja.", "{hero} cose una camisa."),
            ("{hero} toma una pala.", "{hero} cava un hoyo."),
        ),
    },
)
