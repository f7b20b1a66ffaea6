//! The decision table through real doors: token endpoint, REST, pages, notifications.
//!
//! One site holds a world for each situation of the table, under names of its own. Where a door
//! says a refusal in other words than the table, the reason stands in [`ask::Ask::expects`].

mod ask;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use domain::access::Action;
use domain::event::Actor;
use futures_util::{StreamExt as _, stream};
use tests::site::Site;
use tests::table::{ROWS, Row, rows};

use self::ask::{Ask, Doors};
use self::world::World;

/// Actions that no door offers yet; each leaves this list with its first route.
const WITHOUT_ROUTE: &[Action] = &[
    Action::DeleteRepository,
    Action::DeleteTag,
    Action::Comment,
    Action::DeleteCommentOwn,
    Action::DeleteCommentOther,
    Action::SeeWebhooks,
    Action::ManageWebhooks,
    Action::SearchUsersForTeam,
    Action::ExportAudit,
];
/// Asked in a world of its own: in the big one there are many administrators.
const ELSEWHERE: &[Action] = &[Action::DisableLastAdmin];
/// Requests at once.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_with_a_door_is_answered_there_as_the_table_says() {
    let site = Site::start().await;
    let world = World::seed(&site, &rows()).await;
    let doors = Doors::new(&site, &world).await;
    let before = site.ground.desk.log.head().await.unwrap();

    let mut asked = 0;
    let mut asks = Vec::new();
    for row in rows() {
        if WITHOUT_ROUTE.contains(&row.action) || ELSEWHERE.contains(&row.action) {
            continue;
        }
        asked += 1;
        asks.extend(doors.asks(&row).into_iter().map(|ask| (row.clone(), ask)));
    }
    let doors = &doors;
    let answered = stream::iter(asks).map(|(row, ask)| async move {
        let wrong = doors.put(&ask).await;
        wrong.map(|got| (row, ask, got))
    });
    let wrong: Vec<_> = answered.buffer_unordered(AT_ONCE).filter_map(async |x| x).collect().await;
    report(&wrong);

    let skipped = rows().iter().filter(|row| WITHOUT_ROUTE.contains(&row.action)).count();
    let elsewhere = rows().iter().filter(|row| ELSEWHERE.contains(&row.action)).count();
    assert_eq!((asked + skipped + elsewhere, elsewhere), (ROWS, 18));
    assert!(asked > 5_000, "{asked} rows have a door");
    nobody_changed_what_they_may_not(&site, &world, before).await;
    site.stop().await;
}

/// Groups what is wrong by what it has in common, so that one mistake reads as one.
fn report(wrong: &[(Row, Ask, String)]) {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (row, ask, got) in wrong {
        let key = format!("{:?} at {}: {got}, the table: {:?}", row.action, ask.door, row.refusal);
        let situation = format!("{}/{}/{}/{}", row.who, row.kind, row.visibility, row.role);
        groups.entry(key).or_default().push(situation);
    }
    let lines = groups.iter().map(|(key, all)| {
        format!("{key}\n    {} times: {}", all.len(), all[..all.len().min(6)].join(" "))
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} answers are not the table's:\n{text}", wrong.len());
}

/// Whoever may change nothing has left no fact but those about their signing in and tokens.
async fn nobody_changed_what_they_may_not(
    site: &Site,
    world: &World,
    before: domain::event::Position,
) {
    let idle: BTreeSet<_> = world.idle_askers().into_iter().collect();
    assert!(!idle.is_empty());
    let (mut after, mut facts) = (before, 0);
    loop {
        let page = site.ground.log.read_all(after, 1_000, None).await.unwrap();
        let Some(last) = page.events.last() else { break };
        after = last.position;
        for recorded in &page.events {
            let fact = recorded.decode().unwrap();
            if matches!(fact.event, domain::event::Event::Auth(_)) {
                continue;
            }
            facts += 1;
            if let Actor::User { name, .. } = &fact.meta.actor {
                assert!(
                    !idle.contains(name.as_str()),
                    "{name} changed something: {:?}",
                    fact.event
                );
            }
        }
    }
    assert!(facts > 100, "the rows that are allowed have changed things");
}
