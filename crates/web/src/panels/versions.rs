//! The scenario on every version side by side: how much is read, evicted, written and held, and the first
//! operations that come out another way.

use gloo_timers::callback::Timeout;
use pgscope_core::profile::Version;
use yew::prelude::*;

use crate::paint::words;
use crate::state::versions::{MOST, Outcome, Parting, Ran, outcome};
use crate::state::{Action, Move};

/// Differences of a version that are told in full.
const SHOWN: usize = 3;

/// What the comparison is given.
#[derive(Clone, PartialEq, Properties)]
pub struct VersionsProps {
    /// The scenario.
    pub text: AttrValue,
    /// The version that it runs on.
    pub own: Version,
    /// To go to an operation, or to another version.
    pub act: Callback<Action>,
}

/// The comparison.
#[component]
pub fn Versions(props: &VersionsProps) -> Html {
    let VersionsProps { text, own, act } = props;
    let outcomes = use_state(Vec::<Outcome>::new);

    // A version a turn, so that the page answers between them.
    let (known, of) = (outcomes.clone(), text.clone());
    use_effect_with(outcomes.len(), move |&count| {
        let next = Version::OFFERED.get(count).copied();
        let timer = next.map(|version| {
            Timeout::new(0, move || {
                let mut all = (*known).clone();
                all.push(outcome(&of, version));
                known.set(all);
            })
        });
        move || drop(timer)
    });

    if outcomes.len() < Version::OFFERED.len() {
        return html! { <p role="status">{ "Running it on every version…" }</p> };
    }
    let here = outcomes.iter().find(|it| it.version == *own).and_then(|it| it.ran.as_ref().ok());
    let rows = outcomes.iter().map(|outcome| row(outcome, *own, here, act));
    let partings = outcomes.iter().filter_map(|it| partings(it, *own, here?, act));
    let partings: Vec<Html> = partings.collect();
    let cut = here.is_some_and(|ran| ran.ops >= MOST);
    html! {
        <>
            <div class="land-rows" tabindex="0" role="region" aria-label="Versions side by side">
                <table aria-label="Versions">
                    <thead><tr>
                        <th scope="col">{ "version" }</th>
                        { for ["hits", "misses", "evicted", "written", "local", "shared"].map(|name|
                            html! { <th scope="col" class="number">{ name }</th> }) }
                    </tr></thead>
                    <tbody>{ for rows }</tbody>
                </table>
            </div>
            if partings.is_empty() && here.is_some() {
                <p>{ "Every version says the same of every operation." }</p>
            } else {
                { for partings }
            }
            if cut {
                <p class="dim">{ format!("The first {} operations are compared.", words::thousands(MOST)) }</p>
            }
        </>
    }
}

/// A version's row; what differs from the own version's is marked.
fn row(outcome: &Outcome, own: Version, here: Option<&Ran>, act: &Callback<Action>) -> Html {
    let version = outcome.version;
    let number = version.number().to_string();
    let is_own = version == own;
    let name = if is_own {
        html! { <b>{ number }{ ", yours" }</b> }
    } else {
        let value: std::rc::Rc<str> = number.as_str().into();
        let label = ["Use ", &number].concat();
        let onclick = act.reform(move |_: MouseEvent| {
            Action::Server(crate::state::compose::Setting::Version, std::rc::Rc::clone(&value))
        });
        html! { <button type="button" class="quiet" {onclick}>{ label }</button> }
    };
    match &outcome.ran {
        Err(reason) => html! {
            <tr><th scope="row">{ name }</th><td colspan="6">{ "does not run: " }{ reason }</td></tr>
        },
        Ok(ran) => {
            let numbers = |ran: &Ran| {
                let of = &ran.totals;
                [of.hits, of.misses, of.evictions, of.writes, ran.local, ran.shared]
            };
            let theirs = here.map(numbers);
            let cells = numbers(ran).into_iter().enumerate().map(|(place, number)| {
                let other = theirs.is_some_and(|theirs| theirs.get(place) != Some(&number));
                let text = match place {
                    0..4 => words::thousands(number),
                    _ => words::bytes(number),
                };
                html! { <td class={classes!("number", other.then_some("other"))}>{ text }</td> }
            });
            html! { <tr><th scope="row">{ name }</th>{ for cells }</tr> }
        }
    }
}

/// The first operations of which a version says something else.
fn partings(outcome: &Outcome, own: Version, here: &Ran, act: &Callback<Action>) -> Option<Html> {
    let there = outcome.ran.as_ref().ok().filter(|_| outcome.version != own)?;
    let (first, count) = here.partings(there, SHOWN);
    let more = count.checked_sub(first.len())?;
    let number = outcome.version.number();
    let said = |text: &str| if text.is_empty() { "nothing".to_owned() } else { text.to_owned() };
    let one = |parting: &Parting| {
        let op = parting.op;
        let place = match parting.line {
            Some(line) => format!("line {line}, operation {op}"),
            None => format!("operation {op}"),
        };
        let act = act.clone();
        let go = Callback::from(move |_: MouseEvent| {
            act.emit(Action::Show(None));
            act.emit(Action::Go(Move::To(op)));
        });
        html! {
            <li>
                <button type="button" class="where" onclick={go}>{ place }</button>
                <dl>
                    <dt>{ own.number() }</dt><dd>{ said(&parting.here) }</dd>
                    <dt>{ number }</dt><dd>{ said(&parting.there) }</dd>
                </dl>
            </li>
        }
    };
    (count > 0).then(|| html! {
        <section class="partings" key={number}>
            <h3>{ format!("PostgreSQL {number}: {} another way",
                match count { 1 => "1 operation goes".into(), _ => format!("{count} operations go") }) }</h3>
            <ul>{ for first.iter().map(one) }</ul>
            if more > 0 { <p class="dim">{ format!("And {}.", words::count(more as u64, "more operation")) }</p> }
        </section>
    })
}
