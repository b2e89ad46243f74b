//! Which engine made a world, told from the outside.
//!
//! Nothing of this is proof: a program may call itself what it likes, and a control group can be made
//! by anybody who may write there. It is for reading, never for deciding who may do what.
//!
//! The rules are one table, [`RULES`]; the first that fits is taken. The control group comes first
//! because engines put their name for the world there, and the name of the first process last.

/// Who made a world, and what it is called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maker {
    /// The engine.
    pub engine: &'static str,
    /// Its name for the world; empty where it has none.
    pub name: String,
}

/// What is known of the first process of a world.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// The text of `/proc/PID/cgroup`.
    pub cgroup: &'a [u8],
    /// The name of the process.
    pub name: &'a [u8],
    /// Its arguments, each ended by a NUL.
    pub arguments: &'a [u8],
    /// The name of its parent.
    pub parent: &'a [u8],
}

/// How a world is recognised.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// A part of the control group's path begins and ends so; what is between is the world's name.
    Group(&'static str, &'static str),
    /// The same, for a part that comes right after one called so.
    Below(&'static str, &'static str, &'static str),
    /// The first process is called so.
    Name(&'static str),
    /// The parent of the first process is called so.
    Parent(&'static str),
    /// One of its arguments begins so.
    Argument(&'static str),
}

/// Engines and how their worlds are recognised, in order.
pub const RULES: &[(&str, Rule)] = &[
    ("dwell", Rule::Name("dwell-init")),
    ("dwell", Rule::Parent("dwell-init")),
    ("bubblewrap", Rule::Name("bwrap")),
    ("bubblewrap", Rule::Parent("bwrap")),
    ("docker", Rule::Group("docker-", ".scope")),
    ("docker", Rule::Below("docker", "", "")),
    ("buildkit", Rule::Below("buildkit", "", "")),
    ("podman", Rule::Group("libpod-payload-", "")),
    ("podman", Rule::Group("libpod-", ".scope")),
    ("podman", Rule::Group("libpod-", "")),
    ("buildah", Rule::Group("buildah-", ".scope")),
    ("kubernetes (cri-o)", Rule::Group("crio-", ".scope")),
    ("kubernetes (containerd)", Rule::Group("cri-containerd-", ".scope")),
    ("nerdctl", Rule::Group("nerdctl-", ".scope")),
    ("containerd", Rule::Parent("containerd-shim")),
    ("nspawn", Rule::Group("systemd-nspawn@", ".service")),
    ("machine", Rule::Below("machine.slice", "machine-", ".scope")),
    ("lxc", Rule::Group("lxc.payload.", "")),
    ("lxc", Rule::Below("lxc", "", "")),
    ("flatpak", Rule::Group("app-flatpak-", ".scope")),
    ("snap", Rule::Group("snap.", ".scope")),
    ("snap", Rule::Group("snap.", ".service")),
    ("steam", Rule::Name("pv-bwrap")),
    ("firejail", Rule::Name("firejail")),
    ("nsjail", Rule::Name("nsjail")),
    ("minijail", Rule::Name("minijail0")),
    ("rootlesskit", Rule::Parent("rootlesskit")),
    ("chromium", Rule::Argument("--type=zygote")),
    ("chromium", Rule::Argument("--type=renderer")),
    ("chromium", Rule::Argument("--type=utility")),
    ("firefox", Rule::Argument("-contentproc")),
    ("webkit", Rule::Name("WebKitWebProces")),
    ("slurm", Rule::Parent("slurmstepd")),
    ("systemd", Rule::Below("system.slice", "", ".service")),
    ("systemd", Rule::Below("app.slice", "", ".service")),
    ("kernel", Rule::Parent("kthreadd")),
    ("unshare", Rule::Parent("unshare")),
];

/// How many characters of an id of 64 are its name, as the engines print it.
const SHORT: usize = 12;

/// Who made a world.
#[must_use]
pub fn recognise(evidence: &Evidence<'_>) -> Option<Maker> {
    RULES.iter().find_map(|(engine, rule)| {
        let name = rule.fits(evidence)?;
        Some(Maker { engine, name: shortened(&name) })
    })
}

impl Rule {
    /// The world's name, empty where the rule knows none, when it fits.
    fn fits(self, evidence: &Evidence<'_>) -> Option<String> {
        match self {
            Rule::Group(head, tail) => {
                parts(evidence.cgroup).find_map(|(_, part)| between(part, head, tail))
            }
            Rule::Below(above, head, tail) => parts(evidence.cgroup)
                .filter(|(before, _)| *before == above.as_bytes())
                .find_map(|(_, part)| between(part, head, tail)),
            Rule::Name(name) => (evidence.name == name.as_bytes()).then(String::new),
            Rule::Parent(name) => evidence.parent.starts_with(name.as_bytes()).then(String::new),
            Rule::Argument(head) => evidence
                .arguments
                .split(|b| *b == 0)
                .any(|argument| argument.starts_with(head.as_bytes()))
                .then(String::new),
        }
    }
}

/// The text of `/proc/PID/cgroup` of a world in another one, without what is the outer one's too: a service,
/// or a container, is not the maker of all that is made in it.
pub(super) fn below(inner: &[u8], outer: &[u8]) -> Vec<u8> {
    let mut rest = Vec::with_capacity(inner.len());
    for line in crate::bytes::lines(inner) {
        let of = |line: &[u8]| line.iter().rposition(|b| *b == b':').map_or(0, |at| at + 1);
        let outer = crate::bytes::lines(outer).find(|o| o.get(..of(o)) == line.get(..of(line)));
        let tail = outer.and_then(|outer| line.strip_prefix(outer));
        match tail.filter(|tail| tail.is_empty() || tail.starts_with(b"/")) {
            Some(tail) => {
                rest.extend_from_slice(line.get(..of(line)).unwrap_or_default());
                rest.extend_from_slice(tail);
            }
            None => rest.extend_from_slice(line),
        }
        rest.push(b'\n');
    }
    rest
}

/// The parts of all paths of a `/proc/PID/cgroup`, each after the one before it.
fn parts(cgroup: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    crate::bytes::lines(cgroup).filter_map(|line| line.splitn(3, |b| *b == b':').nth(2)).flat_map(
        |path| {
            let all = || path.split(|b| *b == b'/');
            all().zip(all().skip(1)).filter(|(_, part)| !part.is_empty())
        },
    )
}

fn between(part: &[u8], head: &str, tail: &str) -> Option<String> {
    let name = part.strip_prefix(head.as_bytes())?.strip_suffix(tail.as_bytes())?;
    (!name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned())
}

/// An id of an engine is cut as the engine prints it, any other name stays.
fn shortened(name: &str) -> String {
    let is_id = name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
    if is_id { name.chars().take(SHORT).collect() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn by_group(path: &str) -> Option<(&'static str, String)> {
        let text = format!("5:memory:/\n0::{path}\n").replace("ID", ID);
        let evidence = Evidence { cgroup: text.as_bytes(), name: b"sh", ..Evidence::default() };
        recognise(&evidence).map(|maker| (maker.engine, maker.name))
    }

    #[test]
    fn control_groups() {
        let short = "0123456789ab";
        for (path, engine, name) in [
            ("/docker/ID", "docker", short),
            ("/system.slice/docker-ID.scope", "docker", short),
            ("/machine.slice/libpod-ID.scope/container", "podman", short),
            (
                "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope",
                "podman",
                short,
            ),
            ("/libpod_parent/libpod-ID", "podman", short),
            (
                "/kubepods.slice/kubepods-podx.slice/cri-containerd-ID.scope",
                "kubernetes (containerd)",
                short,
            ),
            ("/kubepods.slice/crio-ID.scope", "kubernetes (cri-o)", short),
            ("/machine.slice/systemd-nspawn@web.service/payload", "nspawn", "web"),
            ("/machine.slice/machine-web.scope", "machine", "web"),
            ("/lxc.payload.web", "lxc", "web"),
            ("/user.slice/x/app-flatpak-org.gnome.Maps-12.scope", "flatpak", "org.gnome.Maps-12"),
            ("/system.slice/nginx.service", "systemd", "nginx"),
        ] {
            assert_eq!(by_group(path), Some((engine, name.to_owned())), "{path}");
        }
        for path in ["/", "/user.slice/session-1.scope", "/system.slice", "/docker"] {
            assert_eq!(by_group(path), None, "{path}");
        }
    }

    #[test]
    fn what_is_in_a_group_is_not_made_by_it() {
        let of = |inner: &str, outer: &str| {
            let text = |path: &str| format!("5:memory:/\n0::{path}\n").into_bytes();
            let cgroup = below(&text(inner), &text(outer));
            recognise(&Evidence { cgroup: &cgroup, ..Evidence::default() }).map(|m| m.name)
        };
        assert_eq!(of("/system.slice/a.service", "/system.slice/a.service"), None);
        assert_eq!(of("/system.slice/a.service/x", "/system.slice/a.service"), None);
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(of("/system.slice/ab.service", "/system.slice/a"), named("ab"));
        assert_eq!(of("/system.slice/b.service", "/system.slice/a.service"), named("b"));
        assert_eq!(of("/docker/1/system.slice/b.service", "/docker/1"), named("b"));
        assert_eq!(of("/system.slice/b.service", "/"), named("b"));
    }

    #[test]
    fn processes() {
        let by = |name: &str, arguments: &str, parent: &str| {
            let evidence = Evidence {
                cgroup: b"",
                name: name.as_bytes(),
                arguments: arguments.as_bytes(),
                parent: parent.as_bytes(),
            };
            recognise(&evidence).map(|maker| maker.engine)
        };
        assert_eq!(by("dwell-init", "", "dwell"), Some("dwell"));
        assert_eq!(by("bwrap", "bwrap\0--ro-bind\0", "sh"), Some("bubblewrap"));
        assert_eq!(by("chrome", "/opt/chrome\0--type=zygote\0", "chrome"), Some("chromium"));
        assert_eq!(by("sh", "sh\0", "containerd-shim"), Some("containerd"));
        assert_eq!(by("kdevtmpfs", "", "kthreadd"), Some("kernel"));
        assert_eq!(by("sh", "sh\0-c\0bwrap\0", "sh"), None);
    }

    #[test]
    fn any_bytes_are_taken() {
        for seed in 0..2000 {
            let text = crate::bytes::noise(seed, b"0:/docker-.scope\nlibpod");
            let _ = recognise(&Evidence { cgroup: &text, ..Evidence::default() });
        }
    }
}
