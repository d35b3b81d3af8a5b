"""What people are called and what they write."""

FIRST_NAMES = (
    "Ana",
    "Ben",
    "Carla",
    "Daniel",
    "Elif",
    "Farid",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kemal",
    "Lena",
    "Marta",
)
LAST_NAMES = (
    "Abreu",
    "Bauer",
    "Costa",
    "Demir",
    "Evans",
    "Fischer",
    "Gomes",
    "Hansen",
    "Ito",
    "Jensen",
    "Kaya",
)
TAGS = (
    ("vip", "#d97706"),
    ("billing", "#2563eb"),
    ("shipping", "#059669"),
    ("refund", "#dc2626"),
    ("onboarding", "#7c3aed"),
    ("lead", "#0891b2"),
    ("complaint", "#be123c"),
    ("newsletter", "#4b5563"),
)
ASKED = (
    "Hello, is the blue one still available in size 42?",
    "My parcel has not arrived yet, can you check where it is?",
    "Thank you!",
    "I would like to move my appointment to Thursday afternoon.",
    "The invoice shows the old address. Could you send a corrected one, please?",
    "Do you ship to Madeira, and what would it cost?",
    "I paid twice by mistake, how do I get one payment back?",
    "ok",
    "Can someone call me back today? It is about the contract we talked about last week.",
    "Photo received, but the colour looks different from the one on your site.",
)
ANSWERED = (
    "Good morning! Yes, there are three left. Shall I put one aside for you?",
    "I have asked the carrier and will write as soon as I know more.",
    "You are welcome.",
    "Thursday at 15:30 is free, I have moved it for you.",
    "Of course, here is the corrected invoice. Sorry for the trouble.",
    "We do. Delivery takes four to six working days and is free from 50 euros.",
    "I see both payments. The second is on its way back and should arrive within three days.",
    "Done!",
    "A colleague will call you before five o'clock.",
    "That is the light. I can send you another picture taken by the window.",
)
NOTES = (
    "Prefers to be called in the morning.",
    "Asked for the wholesale price list; sent on paper as well.",
    "Had a wrong delivery in spring, be generous.",
    "Speaks Portuguese and English.",
)
# How one and the same number is typed by different people.
PHONES = ("+1 ({0}) {1}-{2}", "+1 {0} {1} {2}", "1{0}{1}{2}", "+1-{0}-{1}-{2}")
SUMMARIES = (
    "Asked for a quote for two hundred pieces and wants to decide this week.",
    "Wanted to know the opening hours; nothing to follow up.",
    "Compares us with a cheaper offer, call back with the volume discount.",
    "Reported a late parcel; the carrier has been asked.",
    "Would like a demonstration for the whole team next month.",
    "Wrong number.",
)
# As JSON, as often as each stands here: most messages carry nothing.
MESSAGE_METADATA = ("{}",) * 17 + ('{"media": "image"}', '{"reply": true}', '{"media": "audio", "seconds": 12}')
CONVERSATION_METADATA = (
    *("{}",) * 4,
    '{"source": "website", "locale": "en"}',
    '{"source": "campaign", "campaign": "spring"}',
    '{"source": "referral", "priority": 2}',
    '{"locale": "pt", "returning": true}',
)
# Whole, as the service would store them: saved as they are shown, they stay what they are.
AGENTS = tuple(
    f'{{"name": "{name}", "prompt": "{prompt}", "greeting": "{greeting}", "voice": "alloy", "language": "{language}",'
    ' "temperature": 0.7, "max_call_seconds": 600, "keywords": [], "transfer_to": null}'
    for name, language, greeting, prompt in (
        ("Mia", "en", "Hello, how can I help you?", "You answer for a shop. Find the order, say where it is."),
        ("Rui", "pt", "Bom dia, em que posso ajudar?", "Atendes por uma oficina. Marca e muda visitas."),
        ("Ada", "en", "Good day, what is it about?", "You answer for an agency. Take the name and the matter down."),
    )
)
