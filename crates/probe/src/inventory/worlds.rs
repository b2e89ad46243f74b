//! Worlds: sets of namespaces that differ from what lies around them, with the processes behind
//! them. What people call a container, a sandbox, a unit with private files.
//!
//! - All processes of one pid namespace are one world, whatever else differs between them: an engine
//!   and the programs that it started inside.
//! - In the machine's pid namespace all processes with the same namespaces are one world.
//! - What has the namespaces of the machine's first process is the machine, and no world. Where those are
//!   closed to the reader, its own are taken for them.
//!
//! A world lies in another one when that has the parent of its pid namespace, or else of its user
//! namespace; what both leave to the machine lies where its first process was started.

use std::collections::{BTreeMap, HashMap};

use dwell_plan::{NamespaceKind, NamespaceSet};

use super::model::{Inventory, Process};

/// A world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    /// The process that was started first, as its place in [`Inventory::processes`].
    pub first: usize,
    /// All its processes, as places, lowest number first.
    pub processes: Vec<usize>,
    /// The namespaces of the first process by kind; 0 where unknown.
    pub namespaces: [u64; 8],
    /// The kinds in which it differs from what it lies in.
    pub walls: NamespaceSet,
    /// The world that it lies in, as a place in the list; none for the machine.
    pub inside: Option<usize>,
}

/// All worlds, ordered by their first processes, and the numbers of the machine's namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Worlds {
    /// The worlds.
    pub list: Vec<World>,
    /// What the machine has, by kind.
    pub machine: [u64; 8],
}

/// What keeps processes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Pid(u64),
    All([u64; 8]),
}

const PID: usize = NamespaceKind::Pid as usize;
const USER: usize = NamespaceKind::User as usize;

impl Worlds {
    /// Groups the processes of an inventory that has relations; `reader` is the process that has read it.
    #[must_use]
    pub fn of(inventory: &Inventory, reader: i32) -> Worlds {
        let machine = machine(inventory, reader);
        let mut groups: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
        for (at, process) in inventory.processes.iter().enumerate() {
            if let Some(key) = key(process, &machine) {
                groups.entry(key).or_default().push(at);
            }
        }
        let mut list: Vec<World> =
            groups.into_values().filter_map(|group| World::new(inventory, group)).collect();
        list.sort_by_key(|world| (started(inventory, world.first), world.first));
        let place = Places::of(inventory, &list, machine);
        for at in 0..list.len() {
            let Some(world) = list.get(at) else { continue };
            let inside = place.around(inventory, world).filter(|outer| *outer != at);
            let around = inside.and_then(|outer| list.get(outer)).map_or(machine, |o| o.namespaces);
            let walls = differing(&world.namespaces, &around);
            if let Some(world) = list.get_mut(at) {
                (world.inside, world.walls) = (inside, walls);
            }
        }
        break_circles(&mut list);
        Worlds { list, machine }
    }

    /// The world that a process is in, as its place; none for the machine.
    #[must_use]
    pub fn of_process(&self, process: usize) -> Option<usize> {
        self.list.iter().position(|w| w.processes.binary_search(&process).is_ok())
    }
}

impl World {
    fn new(inventory: &Inventory, processes: Vec<usize>) -> Option<World> {
        let oldest = |at: &&usize| (started(inventory, **at), **at);
        // A namespace's process 1 is there before all others; ticks are too coarse to tell.
        let first = *processes.iter().min_by_key(oldest)?;
        let namespaces = inventory.processes.get(first)?.namespaces;
        Some(World { first, processes, namespaces, walls: NamespaceSet::EMPTY, inside: None })
    }
}

/// The namespaces of the machine: those of its first process or, where they are closed to the reader,
/// the reader's own.
fn machine(inventory: &Inventory, reader: i32) -> [u64; 8] {
    let readable = |p: &&Process| is_alive(p) && p.namespaces.iter().any(|id| *id != 0);
    // KERNEL: the parent of its threads is the other process that is always there.
    const KTHREADD: i32 = 2;
    let first = inventory.processes.iter().find(readable);
    let first = first.filter(|p| p.pid <= KTHREADD);
    let chosen = first.or_else(|| inventory.process(reader));
    chosen.or_else(|| inventory.processes.iter().find(readable)).map_or([0; 8], |p| p.namespaces)
}

/// KERNEL: a process that has ended keeps its user and pid namespaces until it is waited for.
fn is_alive(process: &Process) -> bool {
    !matches!(process.state, b'Z' | b'X')
}

/// None for the machine's own processes, and for those that could not be read.
fn key(process: &Process, machine: &[u64; 8]) -> Option<Key> {
    let ids = &process.namespaces;
    if !is_alive(process)
        || ids.iter().all(|id| *id == 0)
        || differing(ids, machine) == NamespaceSet::EMPTY
    {
        return None;
    }
    match ids.get(PID).zip(machine.get(PID)) {
        Some((own, outer)) if *own != 0 && own != outer => Some(Key::Pid(*own)),
        _ => Some(Key::All(*ids)),
    }
}

/// The kinds that differ, of those that are known of both.
fn differing(one: &[u64; 8], other: &[u64; 8]) -> NamespaceSet {
    let known = |(_, a, b): &(NamespaceKind, &u64, &u64)| **a != 0 && **b != 0 && a != b;
    let pairs = NamespaceKind::ALL.into_iter().zip(one).zip(other).map(|((k, a), b)| (k, a, b));
    pairs.filter(known).map(|(kind, _, _)| kind).collect()
}

fn started(inventory: &Inventory, process: usize) -> u64 {
    inventory.processes.get(process).map_or(u64::MAX, |p| p.started)
}

/// Which world has a pid namespace, a user namespace, a process.
struct Places {
    pids: HashMap<u64, usize>,
    users: HashMap<u64, usize>,
    processes: HashMap<i32, usize>,
    machine: [u64; 8],
}

impl Places {
    fn of(inventory: &Inventory, list: &[World], machine: [u64; 8]) -> Places {
        let (pids, users, processes) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut places = Places { pids, users, processes, machine };
        for (at, world) in list.iter().enumerate() {
            let members = world.processes.iter().filter_map(|p| inventory.processes.get(*p));
            for process in members {
                places.processes.insert(process.pid, at);
                // The oldest world is the one that made it.
                if let Some(id) = process.namespace(NamespaceKind::Pid) {
                    places.pids.entry(id).or_insert(at);
                }
                if let Some(id) = process.namespace(NamespaceKind::User) {
                    places.users.entry(id).or_insert(at);
                }
            }
        }
        places
    }

    /// The world around `world`.
    fn around(&self, inventory: &Inventory, world: &World) -> Option<usize> {
        let started_in = self.around_its_start(inventory, world);
        let is_new = |kind: usize| {
            let around = started_in.map(|(_, ids)| ids);
            around.is_none_or(|ids| ids.get(kind) != world.namespaces.get(kind))
        };
        let above = |kind: usize, places: &HashMap<u64, usize>| {
            let id = *world.namespaces.get(kind).filter(|_| is_new(kind))?;
            let outer = inventory.namespace(id)?.parent?;
            places.get(&outer).copied().filter(|_| self.machine.get(kind) != Some(&outer))
        };
        above(PID, &self.pids)
            .or_else(|| above(USER, &self.users))
            .or_else(|| started_in.and_then(|(place, _)| place))
    }

    /// The world of the parent of the first process, and that parent's namespaces.
    fn around_its_start(
        &self,
        inventory: &Inventory,
        world: &World,
    ) -> Option<(Option<usize>, [u64; 8])> {
        let first = inventory.processes.get(world.first)?;
        let parent = inventory.process(first.parent)?;
        Some((self.processes.get(&parent.pid).copied(), parent.namespaces))
    }
}

/// A world that would lie in itself by way of others lies in the machine: processes have moved on
/// since their namespaces were made.
fn break_circles(list: &mut [World]) {
    for at in 0..list.len() {
        let mut outer = list.get(at).and_then(|w| w.inside);
        let mut steps = 0;
        while let Some(place) = outer {
            steps += 1;
            if place == at || steps > list.len() {
                if let Some(world) = list.get_mut(at) {
                    world.inside = None;
                }
                break;
            }
            outer = list.get(place).and_then(|w| w.inside);
        }
    }
}
