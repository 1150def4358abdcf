"""Sentences and headings of an export, English and French; words for codes are the vocabulary's."""
# ruff: noqa: RUF001 - typographic apostrophes

from collections.abc import Mapping
from typing import Final

from streams.privacy.vocabulary import LANGUAGES, Text

WORDS: Final[Mapping[str, Text]] = {
    "no_role": ("administrator at the command line", "administrateur en ligne de commande"),
    # headings and sentences
    "title": ("All that is held about you", "Tout ce qui est conservé sur vous"),
    "about": (
        "Asked for: {asked}, sector {sector}. Made on {made_at}. Times are in {zone}.",
        "Demandé : {asked}, secteur {sector}. Établi le {made_at}. Les heures sont celles de {zone}.",
    ),
    "pseudonyms": (
        (
            "Telephone numbers, e-mail addresses, case and procedure numbers are kept as pseudonyms only, by the sector’s key;"
            " names, subjects and texts are not kept. Shown as they are: the numbers that the services themselves give, such as"
            " the one under which a letter was registered, and those of your contacts."
        ),
        (
            "Numéros de téléphone, adresses électroniques, numéros de dossier et de démarche ne sont gardés que sous pseudonyme,"
            " par la clé du secteur ; noms, objets et textes ne sont pas gardés. Sont en clair les numéros que les services"
            " donnent eux-mêmes, comme celui de l’enregistrement d’un courrier, et ceux de vos contacts."
        ),
    ),
    "citizen": ("“The citizen” is you.", "« L’usager », c’est vous."),
    "not_whole": (
        "More is linked than is followed here: ask again by one of the last identities.",
        "Davantage est lié que ce qui est suivi ici : redemander par l’une des dernières identités.",
    ),
    "notice": ("From who is responsible for it", "De la part du responsable du traitement"),
    "identities": ("By what you are known", "Ce par quoi vous êtes connu"),
    "withheld": ("What is left out, and why", "Ce qui est omis, et pourquoi"),
    "contacts": ("Your contacts: {count}", "Vos contacts : {count}"),
    "accesses": ("Who looked at it: when, and what for", "Consultations : quand et pourquoi"),
    "no_names": (
        "Employees are not named (Court of Justice of the EU, C-579/21). Accesses for security incidents, not listed: {count}.",
        "Les agents ne sont pas nommés (CJUE, C-579/21). Accès lors d’incidents de sécurité, non détaillés : {count}.",
    ),
    "of_several": (
        "A number here is several people's; look-ups of it, which showed what stands under it, for whichever of them: {count}.",
        "Un numéro est ici celui de plusieurs ; consultations qui en ont montré le contenu, pour l’un ou l’autre : {count}.",
    ),
    "retention": ("For how long", "Pendant combien de temps"),
    "days": ("{days} days", "{days} jours"),
    "identity": ("identity", "identité"),
    "linked_to": ("told together with", "dite avec"),
    "since": ("since", "depuis"),
    "number": ("contacts", "contacts"),
    "why": ("why", "pourquoi"),
    "when": ("when", "quand"),
    "what": ("what", "quoi"),
    "where": ("where", "où"),
    "state": ("state", "état"),
    "outcome": ("outcome", "issue"),
    "entries": ("What happened", "Ce qui s’est passé"),
    "promises": ("Promises", "Délais promis"),
    "stays": ("Waits", "Attentes"),
    "opinions": ("Opinions", "Avis"),
    "facts": ("Details", "Détails"),
    "stamped": ("stamped", "tampon du"),
    "detail": ("{what}: {detail}", "{what} : {detail}"),
    "policy": ("policy {policy}", "règle {policy}"),
    "of": ("{score} / {most} ({scale})", "{score} / {most} ({scale})"),
    "seconds": ("{number} s", "{number} s"),
    "euros": ("€{number}", "{number} €"),
    "started": ("from", "du"),
    "deadline": ("deadline", "échéance"),
    "ended": ("ended", "fin"),
    "kept": ("kept", "tenu"),
    "broken": ("broken", "dépassé"),
    "queue": ("queue", "file"),
    "wait": ("wait, s", "attente, s"),
    "handle": ("conversation, s", "conversation, s"),
    "to_queue": ("passed on to", "transmis à"),
    "first": ("first", "d’abord"),
    "last": ("last", "en dernier"),
    "role": ("role", "rôle"),
    "result": ("result", "résultat"),
    "for_days": ("how long", "durée"),
    "until": ("from when on", "à compter de"),
    "none": ("none", "aucun"),
}


def label(word: str, language: str, **values: object) -> str:
    """Return a word or sentence in a language of `LANGUAGES`."""
    return WORDS[word][LANGUAGES.index(language)].format(**values)
