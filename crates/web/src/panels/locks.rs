//! The lock table: who waits for whom as a picture and in words, each locked object with its
//! holders and its queue, and the backends' fast-path slots.

use std::rc::Rc;

use pgscope_core::Server;
use pgscope_core::bufmgr::smgr::Smgr;
use pgscope_core::ids::BackendId;
use pgscope_core::lmgr::{LockMode, modes};
use pgscope_core::views::{self, LockView};
use yew::prelude::*;

use crate::frame::Frame;
use crate::paint::locks::{self, MOST, PLATE, WIDTH, Waits};
use crate::paint::short::Short;
use crate::paint::{relations, words};

/// Objects, and places in each of their queues, that are shown; `pg_locks` has all.
const OBJECTS: usize = 50;
const QUEUE: usize = 12;
/// Backends whose fast-path slots are shown.
const BACKENDS: usize = 12;

/// What the lock table is given.
#[derive(Clone, PartialEq, Properties)]
pub struct LocksProps {
    /// The server.
    pub frame: Frame,
}

/// The lock table.
#[component]
pub fn Locks(props: &LocksProps) -> Html {
    let frame = &props.frame;
    let server = &frame.server;
    let read = use_memo(frame.serial, |_| {
        let table = views::lock_table(server);
        let waits = Waits::of(server, &table);
        (table, waits)
    });
    let (table, waits) = &*Rc::clone(&read);
    html! {
        <div class="locks">
            <p class="dim">{ summary(server, table) }</p>
            if !waits.waits.is_empty() {
                <h3>{ "Who waits for whom" }</h3>
                { picture(server, waits) }
                { in_words(server, waits) }
            }
            if table.is_empty() {
                <p>{ "Nobody holds a lock. In the scenario, " }<code>{ "begin" }</code>{ " and " }
                    <code>{ "lock TABLE" }</code>{ " take one that stays until the transaction ends." }</p>
            } else {
                { objects(server, table) }
            }
            { fast_path(server) }
        </div>
    }
}

/// How full the shared table is.
fn summary(server: &Server, table: &[LockView]) -> String {
    let (locks, proclocks) = server.locks().entries();
    format!(
        "{}. In shared memory: {}, {}, and room for {} more LOCKs.",
        words::count(table.len() as u64, "locked object"),
        words::count(locks as u64, "LOCK"),
        words::count(proclocks as u64, "PROCLOCK"),
        words::thousands(server.locks().free_entries().into()),
    )
}

/// Names, and an arrow from each who waits to each they wait for.
fn picture(server: &Server, waits: &Waits) -> Html {
    let cast = waits.cast();
    let count = cast.len().min(MOST);
    let place = |who: &BackendId| cast.iter().take(MOST).position(|it| it == who);
    let arrows = waits.waits.iter().flat_map(|wait| {
        wait.blocked_by.iter().filter_map(move |other| {
            let (from, to) = (place(&wait.who)?, place(other)?);
            let (line, head) = locks::arrow(locks::plate(from, count), locks::plate(to, count));
            let circle = waits.stuck.contains(&wait.who) && waits.stuck.contains(other);
            Some(html! {
                <g class={classes!("wait-arrow", circle.then_some("stuck"))}>
                    <path class="line" d={line} /><path class="head" d={head} />
                </g>
            })
        })
    });
    let plates = cast.iter().take(count).enumerate().map(|(index, who)| {
        let (x, y) = locks::plate(index, count);
        let waiting = waits.waits.iter().any(|wait| wait.who == *who);
        let class = if waits.stuck.contains(who) {
            "stuck"
        } else if waiting {
            "waits"
        } else {
            "holds"
        };
        let [left, top] = [x - PLATE.0, y - PLATE.1].map(Short);
        let [width, height] = [PLATE.0 * 2.0, PLATE.1 * 2.0].map(Short);
        html! {
            <g class={classes!("wait-plate", class)}>
                <rect x={left.to_string()} y={top.to_string()} width={width.to_string()}
                    height={height.to_string()} rx="7" />
                <text x={Short(x).to_string()} y={Short(y).to_string()}>
                    { words::short(words::backend(server, *who), 12) }
                </text>
            </g>
        }
    });
    html! {
        <svg class="wait-graph" viewBox={format!("0 0 {} {}", Short(WIDTH), Short(locks::height(count)))} role="img"
            aria-label={format!("{} waiting; the list below says for whom",
                words::count(waits.waits.len() as u64, "backend"))}>
            { for arrows }
            { for plates }
        </svg>
    }
}

fn in_words(server: &Server, waits: &Waits) -> Html {
    let name = |who: &BackendId| words::backend(server, *who);
    let names = |all: &[BackendId]| all.iter().map(name).collect::<Vec<_>>();
    let circle = waits.circle();
    let rows = waits.waits.iter().take(OBJECTS).map(|wait| {
        let by = match wait.blocked_by.as_slice() {
            [] => "a prepared transaction".to_owned(),
            several => names(several).join(", "),
        };
        html! {
            <li class={classes!(waits.stuck.contains(&wait.who).then_some("stuck"))}>
                <b>{ name(&wait.who) }</b>
                { format!(" waits for {} on {}, blocked by ", wait.mode.name(), wait.object) }
                <b>{ by }</b>
            </li>
        }
    });
    html! {
        <>
            if !circle.is_empty() {
                <p class="deadlock" role="status">
                    <b>{ "Deadlock: " }</b>{ names(&circle).join(" → ") }
                    { ". Nobody of them can go on. The first whose deadlock_timeout runs out looks for the circle and gives up." }
                </p>
            }
            <ul class="wait-list" aria-label="Waits">{ for rows }</ul>
        </>
    }
}

/// Each locked object, its holders and its queue.
fn objects(server: &Server, table: &[LockView]) -> Html {
    let rows = table.iter().take(OBJECTS).map(|lock| {
        let look = locks::relation(server, &lock.tag).map(relations::classes);
        let held = lock.holders.iter().take(QUEUE).map(|(who, mask)| {
            html! { <li>{ mode_strip(*mask, "held") }<b>{ words::backend(server, *who) }</b>{ " " }{ names(*mask) }</li> }
        });
        let queue = lock.waiters.iter().take(QUEUE).map(|waiter| {
            html! {
                <li>{ mode_strip(waiter.mode.bit(), "wanted") }
                    <b>{ words::backend(server, waiter.backend) }</b>{ " " }{ waiter.mode.name() }</li>
            }
        });
        let prepared = server.locks().holders(&lock.tag).filter(|(proc, mask)| {
            *mask != 0 && server.backend_of(*proc).is_none()
        });
        let prepared = prepared.map(|(_, mask)| {
            html! { <li>{ mode_strip(mask, "held") }<b>{ "a prepared transaction" }</b>{ " " }{ names(mask) }</li> }
        });
        html! {
            <tr>
                <th scope="row"><i class={classes!("tint", look)} aria-hidden="true"></i>
                    { locks::object(server, &lock.tag) }
                    <span>{ lock.tag.kind.name() }{ if lock.shared { "" } else { ", fast path" } }</span>
                </th>
                <td><ul>{ for held }{ for prepared }</ul>{ further(lock.holders.len()) }</td>
                <td>
                    if lock.waiters.is_empty() { <span class="dim">{ "nobody" }</span> }
                    else { <ol>{ for queue }</ol>{ further(lock.waiters.len()) } }
                </td>
            </tr>
        }
    });
    html! {
        <>
            <h3>{ "Locked objects" }</h3>
            <div class="locks-rows" tabindex="0" role="region" aria-label="Rows of locked objects">
                <table aria-label="Locked objects">
                    <thead><tr><th scope="col">{ "object" }</th><th scope="col">{ "held by" }</th>
                        <th scope="col">{ "queue, the first in front" }</th></tr></thead>
                    <tbody>{ for rows }</tbody>
                </table>
            </div>
            <p class="dim modes-legend">{ mode_strip(!0, "held") }
                { "The eight modes, from AccessShareLock to AccessExclusiveLock: filled are those held, hatched the one wanted, ringed those it conflicts with." }
                if table.len() > OBJECTS {
                    { format!(" Of {} objects you see {OBJECTS}: pg_locks under Views has all.", table.len()) }
                }
            </p>
        </>
    }
}

fn further(all: usize) -> Html {
    match all.checked_sub(QUEUE) {
        Some(more @ 1..) => html! { <span class="dim">{ format!("and {more} more") }</span> },
        _ => Html::default(),
    }
}

fn names(mask: u16) -> String {
    modes(mask).map(LockMode::name).collect::<Vec<_>>().join(", ")
}

/// The eight modes as cells; of a wanted one, those that it conflicts with too.
fn mode_strip(mask: u16, class: &'static str) -> Html {
    let against =
        if class == "wanted" { modes(mask).fold(0, |all, mode| all | mode.conflicts()) } else { 0 };
    let cells = LockMode::ALL.map(|mode| {
        let on = (mask & mode.bit() != 0).then_some("on");
        let against = (against & mode.bit() != 0).then_some("against");
        html! { <i class={classes!(on, against)}></i> }
    });
    html! { <span class={classes!("mode-strip", class)} aria-hidden="true">{ for cells }</span> }
}

/// The slots in which weak locks on relations stand without the shared table.
fn fast_path(server: &Server) -> Html {
    let used = server.backends().filter_map(|(id, backend)| {
        let slots = server.locks().fast_path(backend.proc_number());
        (backend.end().is_none() && !slots.is_empty()).then_some((id, slots))
    });
    let rows: Vec<Html> = used
        .take(BACKENDS)
        .map(|(id, slots)| {
            let taken = slots.iter().filter(|(_, mask)| *mask != 0);
            let said = taken.clone().map(|(number, mask)| {
                format!("{} {}", relations::name(server, Smgr::relation_of(*number)), names(*mask))
            });
            let said = said.collect::<Vec<_>>().join("; ");
            let cell = |(number, mask): &(u32, u16)| {
                let look = (*mask != 0).then(|| relations::classes(Smgr::relation_of(*number)));
                html! { <i class={classes!("slot", look.is_some().then_some("taken"), look)}></i> }
            };
            html! {
                <li>
                    <b>{ words::backend(server, id) }</b>
                    { format!(" {} of {} slots in use", taken.count(), slots.len()) }
                    <span class="slots" aria-hidden="true">{ for slots.iter().map(cell) }</span>
                    if !said.is_empty() { <span>{ said }</span> }
                </li>
            }
        })
        .collect();
    if rows.is_empty() {
        return Html::default();
    }
    html! {
        <>
            <h3>{ "Fast-path slots" }</h3>
            <ul class="fast-path" aria-label="Fast-path slots">{ for rows }</ul>
        </>
    }
}
