//! Which namespaces are new, and which are somebody else's.

use dwell_plan::plan::{Join, Namespaces, Origin};
use dwell_plan::{NamespaceKind, NamespaceSet, Text};

use super::files::contradiction;
use super::paths::Paths;
use super::walls;
use crate::message::Failure;
use crate::options::{Kinds, LowArgs, Net, Typed};

/// The name of a box that was not given one.
const DEFAULT_NAME: &str = "dwell";

/// `--unshare`, `--share`, `--join`, `--net` and `--time-offset`.
pub(super) fn decide(low: &LowArgs, paths: &Paths<'_>) -> Result<Namespaces, Failure> {
    if let Some(walls) = walls::without_namespaces(low) {
        return none(low, walls);
    }
    let union = |lists: &[Typed<Kinds>]| {
        lists.iter().fold(NamespaceSet::EMPTY, |set, list| set.union(list.value.set))
    };
    let mut own = if low.unshare.is_empty() { NamespaceSet::DEFAULT } else { union(&low.unshare) };
    own = own.without(union(&low.share));

    if let Some(net) = &low.net {
        let (own_net, contrary) = match net.value {
            Net::None => (true, &low.share),
            Net::Host => (false, &low.unshare),
        };
        if let Some(list) = naming(contrary, NamespaceKind::Net) {
            return Err(contradiction(&net.words, &list.words, "there is one network"));
        }
        if own_net { own.insert(NamespaceKind::Net) } else { own.remove(NamespaceKind::Net) }
    }

    let mut join = Vec::with_capacity(low.join.len());
    for (at, typed) in low.join.iter().enumerate() {
        let kind = typed.value.kind;
        let twice = low.join.iter().take(at).find(|t| t.value.kind == kind).map(|t| &t.words);
        let net = low.net.as_ref().filter(|_| kind == NamespaceKind::Net).map(|t| &t.words);
        let list = naming(&low.unshare, kind).or_else(|| naming(&low.share, kind));
        if let Some(other) = twice.or(net).or(list.map(|t| &t.words)) {
            let why = format!("a program is in one {kind} namespace");
            return Err(contradiction(other, &typed.words, &why));
        }
        own.remove(kind);
        let from = &typed.value.from;
        let path = match std::str::from_utf8(from) {
            Ok(pid) if pid.bytes().all(|b| b.is_ascii_digit()) => {
                Text::from(format!("/proc/{pid}/ns/{}", kind.proc_name()))
            }
            _ => paths.source(from, &typed.words)?,
        };
        join.push(Join { kind, path, origin: Origin::Option(typed.words.clone()) });
    }

    if let Some(offset) = low.time_offsets.first() {
        let kept_out = !low.unshare.is_empty() && !own.has(NamespaceKind::Time);
        let shared = low.share.iter().any(|list| list.value.set.has(NamespaceKind::Time));
        let joined = join.iter().any(|j| j.kind == NamespaceKind::Time);
        if kept_out || shared || joined {
            let why = "every clock is the machine's";
            return Err(missing(low, NamespaceKind::Time, &offset.words, why));
        }
        own.insert(NamespaceKind::Time);
    }
    Ok(Namespaces { own, join })
}

/// `--walls` leaves all of them out.
fn none(low: &LowArgs, walls: &str) -> Result<Namespaces, Failure> {
    let lists = low.unshare.iter().chain(&low.share).map(|typed| &typed.words);
    if let Some(other) = lists.chain(low.join.iter().map(|typed| &typed.words)).next() {
        return Err(contradiction(other, walls, "there are no namespaces without `namespaces`"));
    }
    if let Some(offset) = low.time_offsets.first() {
        let why = "every clock is the machine's";
        return Err(missing(low, NamespaceKind::Time, &offset.words, why));
    }
    Ok(Namespaces { own: NamespaceSet::EMPTY, join: Vec::new() })
}

/// The host name in an own UTS namespace.
pub(super) fn hostname(low: &LowArgs, namespaces: &Namespaces) -> Result<Option<Text>, Failure> {
    match &low.hostname {
        Some(name) if namespaces.owns(NamespaceKind::Uts) => {
            Ok(Some(Text::from(name.value.as_str())))
        }
        Some(name) => {
            let why = "the name would be the machine's";
            Err(missing(low, NamespaceKind::Uts, &name.words, why))
        }
        None => Ok(namespaces.owns(NamespaceKind::Uts).then(|| Text::from(DEFAULT_NAME))),
    }
}

/// The first of `lists` that calls `kind` by name.
fn naming(lists: &[Typed<Kinds>], kind: NamespaceKind) -> Option<&Typed<Kinds>> {
    lists.iter().find(|list| list.value.named.has(kind))
}

/// `words` need an own namespace of `kind`, which other options have taken away.
pub(super) fn missing(low: &LowArgs, kind: NamespaceKind, words: &str, why: &str) -> Failure {
    let failure = Failure::new(format!("`{words}` needs the {kind} namespace: without it {why}"));
    let joined = low.join.iter().find(|j| j.value.kind == kind).map(|j| &j.words);
    let shared = low.share.iter().find(|list| list.value.set.has(kind)).map(|list| &list.words);
    let net = low.net.as_ref().filter(|_| kind == NamespaceKind::Net).map(|net| &net.words);
    if let Some(walls) = walls::without_namespaces(low) {
        failure.hint(format!("`{walls}` makes no namespaces"))
    } else if let Some(other) = joined {
        failure.hint(format!("`{other}` enters one that is not the world's own"))
    } else if let Some(other) = shared.or(net) {
        failure.hint(format!("`{other}` takes it away"))
    } else {
        failure.hint(format!("add `--unshare {kind}`"))
    }
}
