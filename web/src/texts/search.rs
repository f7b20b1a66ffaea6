//! The search page and its suggestions.

use super::{phrases, words};

words! {
    narrow_down: "Narrow down" | "Eingrenzen";
    kinds_of_hits: "Kinds of hits" | "Arten von Treffern";
    all_kinds_short: "All" | "Alle";
    facet_namespace: "Namespace" | "Namespace";
    facet_visibility: "Visibility" | "Sichtbarkeit";
    facet_platform: "Platform" | "Plattform";
    facet_since: "Pushed" | "Gepusht";
    since_day: "in the last 24 hours" | "in den letzten 24 Stunden";
    since_week: "in the last 7 days" | "in den letzten 7 Tagen";
    since_month: "in the last 30 days" | "in den letzten 30 Tagen";
    since_year: "in the last year" | "im letzten Jahr";
    filters_set: "Filters in force" | "Geltende Filter";
    remove_filters: "Remove all filters" | "Alle Filter entfernen";
    did_you_mean: "Did you mean" | "Meinten Sie";
    searched_all: "Searched were names of repositories, tags, namespaces and teams, their descriptions, and digests."
        | "Gesucht wurde in den Namen von Repositories, Tags, Namespaces und Teams, in ihren Beschreibungen und in Digests.";
    search_push: "Is it still to come? Push it:" | "Fehlt es noch? So kommt es her:";
    search_help: "How to push an image" | "Wie man ein Image pusht";
    search_try: "What helps" | "Was hilft";
    nothing_filtered: "Nothing that you may see passes these filters." | "Nichts, was Sie sehen dürfen, passt zu diesen Filtern.";
}

phrases! {
    about_number(text: &str): "about {text}" | "etwa {text}";
    searched_only(limits: &str): "Only this was looked at: {limits}." | "Angesehen wurde nur: {limits}.";
    without_filters(hits: &str): "{hits} without filters" | "{hits} ohne Filter";
}
