"""Sentences and headings of an export in English and French; labels of codes are in `vocabulary`."""
# ruff: noqa: RUF001 - typographic apostrophes

from collections.abc import Mapping
from typing import Final

from streams.privacy.vocabulary import LANGUAGES, Text

LABELS: Final[Mapping[str, Text]] = {
    "no_role": ("administrator at the command line", "administrateur en ligne de commande"),
    # headings and sentences
    "title": ("All data held about you", "Tout ce qui est conservé sur vous"),
    "about": (
        "Subject: {asked}, sector {sector}. Made on {made_at}. Time zone: {zone}.",
        "Demandé : {asked}, secteur {sector}. Établi le {made_at}. Les heures sont celles de {zone}.",
    ),
    "pseudonyms": (
        (
            "Telephone numbers, e-mail addresses, case and procedure numbers are stored only as pseudonyms, made with the"
            " sector’s key. Names, subjects and texts are not stored. Numbers given by the services are shown in clear, such as"
            " the registration number of a letter, and those of your contacts."
        ),
        (
            "Numéros de téléphone, adresses électroniques, numéros de dossier et de démarche ne sont gardés que sous pseudonyme,"
            " par la clé du secteur ; noms, objets et textes ne sont pas gardés. Sont en clair les numéros que les services"
            " donnent eux-mêmes, comme celui de l’enregistrement d’un courrier, et ceux de vos contacts."
        ),
    ),
    "citizen": ("“The citizen” is you.", "« L’usager », c’est vous."),
    "not_whole": (
        "More identities are linked than are included here: ask again with one of the last identities.",
        "Davantage est lié que ce qui est suivi ici : redemander par l’une des dernières identités.",
    ),
    "notice": ("From the data controller", "De la part du responsable du traitement"),
    "identities": ("Your identities", "Ce par quoi vous êtes connu"),
    "withheld": ("Withheld data and the reasons", "Ce qui est omis, et pourquoi"),
    "contacts": ("Your contacts: {count}", "Vos contacts : {count}"),
    "accesses": ("Accesses: when and what for", "Consultations : quand et pourquoi"),
    "no_names": (
        "Employees are not named (Court of Justice of the EU, C-579/21). Accesses for security incidents, not listed: {count}.",
        "Les agents ne sont pas nommés (CJUE, C-579/21). Accès lors d’incidents de sécurité, non détaillés : {count}.",
    ),
    "of_several": (
        "Some number here is shared by several people. Look-ups that showed its entries, for any of them: {count}.",
        "Un numéro est ici celui de plusieurs ; consultations qui en ont montré le contenu, pour l’un ou l’autre : {count}.",
    ),
    "retention": ("Retention periods", "Pendant combien de temps"),
    "days": ("{days} days", "{days} jours"),
    "identity": ("identity", "identité"),
    "linked_to": ("linked to", "dite avec"),
    "since": ("since", "depuis"),
    "number": ("contacts", "contacts"),
    "why": ("why", "pourquoi"),
    "when": ("when", "quand"),
    "what": ("what", "quoi"),
    "where": ("where", "où"),
    "state": ("state", "état"),
    "outcome": ("outcome", "issue"),
    "entries": ("What happened", "Ce qui s’est passé"),
    "promises": ("SLA targets", "Délais promis"),
    "stays": ("Waits", "Attentes"),
    "opinions": ("Feedback", "Avis"),
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
    "kept": ("met", "tenu"),
    "broken": ("missed", "dépassé"),
    "queue": ("queue", "file"),
    "wait": ("wait, s", "attente, s"),
    "handle": ("conversation, s", "conversation, s"),
    "to_queue": ("transferred to", "transmis à"),
    "first": ("first", "d’abord"),
    "last": ("last", "en dernier"),
    "role": ("role", "rôle"),
    "result": ("result", "résultat"),
    "for_days": ("duration", "durée"),
    "until": ("starting", "à compter de"),
    "none": ("none", "aucun"),
}


def label(key: str, language: str, **values: object) -> str:
    """Return the text of `LABELS` with this key in a language of `LANGUAGES`, with `values` for its placeholders."""
    return LABELS[key][LANGUAGES.index(language)].format(**values)
