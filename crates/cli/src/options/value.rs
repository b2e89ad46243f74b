//! The grammar of values. Errors say what is wrong with the value; the caller names the option.

use dwell_plan::caps::{self, CapSet};
use dwell_plan::hardening::Sysctl;
use dwell_plan::landlock::Wall;
use dwell_plan::limits::{Amount, IoDevice};
use dwell_plan::plan::{Clock, ClockOffset, Rlimit};
use dwell_plan::{NamespaceKind, NamespaceSet, Text};

use super::low::{EnvSource, IdSpec, Kinds, LowIo, LowJoin, LowMap, LowSeccomp, LowUser, LowWalls};
use super::nearest;

/// A path with its optional second half: `PATH[:REST]`.
type Halves = (Vec<u8>, Option<Vec<u8>>);

/// Splits `PATH[:REST]` at its colon. `\:` is a colon that belongs to the path.
pub(crate) fn halves(value: &[u8]) -> Result<Halves, String> {
    let mut first = Vec::with_capacity(value.len());
    let mut second: Option<Vec<u8>> = None;
    let mut rest = value;
    loop {
        let (byte, tail) = match rest {
            [] => break,
            [b'\\', b':', tail @ ..] => (b':', tail),
            [b':', tail @ ..] if second.is_none() => {
                second = Some(Vec::with_capacity(tail.len()));
                rest = tail;
                continue;
            }
            [b':', ..] => {
                return Err("more than one colon; one of a path is written `\\:`".to_owned());
            }
            [byte, tail @ ..] => (*byte, tail),
        };
        second.as_mut().unwrap_or(&mut first).push(byte);
        rest = tail;
    }
    if first.is_empty() {
        return Err("the path is empty".to_owned());
    }
    Ok((first, second))
}

/// `PATH[:DEST]`.
pub(crate) fn path_and_dest(value: &[u8]) -> Result<Halves, String> {
    let (path, dest) = halves(value)?;
    match &dest {
        Some(d) if !matches!(d.first(), Some(b'/')) && d != b"~" && !d.starts_with(b"~/") => {
            Err(format!(
                "the destination '{}' is not absolute (a colon of a path is written `\\:`)",
                String::from_utf8_lossy(d)
            ))
        }
        _ => Ok((path, dest)),
    }
}

/// A path alone: a colon stands for itself, escaped or not.
pub(crate) fn path(value: &[u8]) -> Result<Vec<u8>, String> {
    if value.is_empty() {
        return Err("the path is empty".to_owned());
    }
    let mut out = Vec::with_capacity(value.len());
    let mut bytes = value.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' || bytes.peek() != Some(&b':') {
            out.push(byte);
        }
    }
    Ok(out)
}

/// A path that is not split and has no escapes.
pub(crate) fn file(value: &[u8]) -> Result<Vec<u8>, String> {
    if value.is_empty() { Err("the path is empty".to_owned()) } else { Ok(value.to_vec()) }
}

/// `default`, `strict`, `none` or a file.
pub(crate) fn seccomp(value: &[u8]) -> Result<LowSeccomp, String> {
    Ok(match value {
        b"default" => LowSeccomp::Default,
        b"strict" => LowSeccomp::Strict,
        b"none" => LowSeccomp::None,
        _ => LowSeccomp::File(file(value)?),
    })
}

/// `DEST[:SIZE]`.
pub(crate) fn tmpfs(value: &[u8]) -> Result<(Vec<u8>, Option<u64>), String> {
    let (dest, rest) = halves(value)?;
    let rest = rest.map(|r| size(&String::from_utf8_lossy(&r))).transpose()?;
    Ok((dest, rest))
}

/// The number `text` (digits, perhaps a point and more digits) times `unit`, rounded down.
fn scaled(text: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    if fraction.is_empty() && whole.len() < text.len() {
        return None;
    }
    let mut scale = 1u128;
    let mut number = u128::from(whole.parse::<u64>().ok()?);
    for digit in fraction.bytes() {
        scale *= 10;
        number = number * 10 + u128::from(digit - b'0');
    }
    u64::try_from(number.checked_mul(u128::from(unit))? / scale).ok()
}

/// Splits a number from the letters behind it.
fn number_and_unit(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// A number of bytes: `4096`, `64K`, `1.5G`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = number_and_unit(text);
    let shift = match unit {
        "" => Some(0),
        "K" | "k" => Some(10),
        "M" | "m" => Some(20),
        "G" | "g" => Some(30),
        "T" | "t" => Some(40),
        _ => None,
    };
    match shift.and_then(|s| scaled(number, 1 << s)) {
        Some(0) => Err("a size of 0 holds nothing".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err(format!("'{text}' is not a size: a number of bytes, or of K, M, G or T")),
    }
}

/// A number of bytes of swap, which may be none.
pub(crate) fn swap(text: &str) -> Result<Amount, String> {
    match text {
        "0" => Ok(Amount::Of(0)),
        "max" => Ok(Amount::Max),
        _ => size(text).map(Amount::Of),
    }
}

/// The period that `--cpus` is a part of, in microseconds: the kernel's default.
pub(crate) const CPU_PERIOD: u64 = 100_000;

/// A number of processors, as microseconds of each period.
pub(crate) fn cpus(text: &str) -> Result<u64, String> {
    match scaled(text, CPU_PERIOD) {
        // KERNEL: a quota is a millisecond at least.
        Some(quota) if quota >= 1000 => Ok(quota),
        Some(_) => Err("the least is 0.01 of a processor".to_owned()),
        None => Err(format!("'{text}' is not a number of processors, like 2 or 0.5")),
    }
}

/// A number from `least` to `most`.
pub(crate) fn within(text: &str, least: i32, most: i32) -> Result<i32, String> {
    let number = text.parse().ok().filter(|n| (least..=most).contains(n));
    number.ok_or_else(|| format!("'{text}' is not a number from {least} to {most}"))
}

/// A list of processors as the kernel takes it: `0-3,6`.
pub(crate) fn cpu_list(text: &str) -> Result<String, String> {
    let digits = |s: &str| s.len() < 6 && s.bytes().all(|b| b.is_ascii_digit());
    let number = |s: &str| digits(s).then(|| s.parse::<u32>().ok()).flatten();
    let good = |part: &str| match part.split_once('-') {
        Some((first, last)) => number(first).zip(number(last)).is_some_and(|(a, b)| a <= b),
        None => number(part).is_some(),
    };
    match text.split(',').all(good) {
        true => Ok(text.to_owned()),
        false => Err(format!("'{text}' is not a list of processors, like 0-3,6")),
    }
}

/// `DEVICE:KEY=N,…`.
pub(crate) fn io(value: &[u8]) -> Result<LowIo, String> {
    let (path, rest) = halves(value)?;
    let rest = rest.ok_or("a limit is missing behind the device, like :rbps=10M")?;
    let rest = String::from_utf8_lossy(&rest).into_owned();
    let mut limits = IoDevice {
        major: 0,
        minor: 0,
        rbps: None,
        wbps: None,
        riops: None,
        wiops: None,
        weight: None,
    };
    for part in rest.split(',') {
        let (key, text) = part.split_once('=').ok_or_else(|| format!("'{part}' is not KEY=N"))?;
        let place = match key {
            "rbps" => &mut limits.rbps,
            "wbps" => &mut limits.wbps,
            "riops" => &mut limits.riops,
            "wiops" => &mut limits.wiops,
            _ => return Err(format!("'{key}' is not one of rbps, wbps, riops, wiops")),
        };
        *place = Some(Amount::Of(size(text)?));
    }
    Ok(LowIo { path, limits })
}

/// A span of time in milliseconds: `10`, `10s`, `1.5m`, `2h`, `500ms`.
pub(crate) fn duration_ms(text: &str) -> Result<u64, String> {
    let (number, unit) = number_and_unit(text);
    let ms = match unit {
        "ms" => Some(1),
        "" | "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    match ms.and_then(|ms| scaled(number, ms)) {
        Some(0) => Err("no program ends within that time".to_owned()),
        Some(ms) => Ok(ms),
        None => {
            Err(format!("'{text}' is not a duration: a number of seconds, or of ms, s, m, h or d"))
        }
    }
}

/// The namespaces' words in the order of the documentation.
pub(crate) const KINDS: [&str; 8] = ["pid", "mount", "net", "uts", "ipc", "user", "cgroup", "time"];

fn kind(word: &str) -> Result<NamespaceKind, String> {
    word.parse().map_err(|message: String| match nearest::nearest(word, KINDS.into_iter()) {
        Some(near) => format!("'{word}' is not a namespace; did you mean '{near}'?"),
        None => message,
    })
}

/// A comma list of namespaces, `all` and `none`.
pub(crate) fn kinds(list: &str) -> Result<Kinds, String> {
    let mut kinds = Kinds::default();
    for word in list.split(',') {
        match word {
            "all" => kinds.set = NamespaceSet::ALL,
            "none" | "" => {}
            _ => {
                let kind = kind(word)?;
                kinds.set.insert(kind);
                kinds.named.insert(kind);
            }
        }
    }
    Ok(kinds)
}

/// A comma list of what may enclose a world.
pub(crate) fn walls(list: &str) -> Result<LowWalls, String> {
    let mut walls = LowWalls::default();
    for word in list.split(',') {
        match word {
            "namespaces" => walls.namespaces = true,
            "landlock" => walls.landlock.extend(Wall::OF_LANDLOCK),
            "all" => {
                walls.namespaces = true;
                walls.landlock.extend(Wall::OF_LANDLOCK);
            }
            "seccomp" => {
                return Err("the filter of system calls is --seccomp's business".to_owned());
            }
            _ => {
                let what = "namespaces, landlock, all or a part of Landlock";
                walls.landlock.push(wall(word, what)?);
            }
        }
    }
    walls.landlock.sort_unstable();
    walls.landlock.dedup();
    match walls.landlock.last() {
        Some(Wall::Sockets) => Err("`sockets` comes by itself where it is needed".to_owned()),
        _ => Ok(walls),
    }
}

/// A comma list of walls that may be missing.
pub(crate) fn degraded(list: &str) -> Result<Vec<Wall>, String> {
    let mut walls = Vec::new();
    for word in list.split(',') {
        match word {
            "landlock" => walls.extend(Wall::OF_LANDLOCK),
            _ => walls.push(wall(word, "landlock, a part of it or sockets")?),
        }
    }
    Ok(walls)
}

fn wall(word: &str, what: &str) -> Result<Wall, String> {
    Wall::named(word).ok_or_else(|| {
        let parts: Vec<_> = Wall::OF_LANDLOCK.iter().map(|wall| wall.word()).collect();
        format!("'{word}' is not {what} ({})", parts.join(", "))
    })
}

/// `KIND=PID|PATH`.
pub(crate) fn join(value: &[u8]) -> Result<LowJoin, String> {
    let cut = value.iter().position(|b| *b == b'=').ok_or("it is not KIND=PID or KIND=PATH")?;
    let (word, from) = value.split_at(cut);
    let kind = kind(&String::from_utf8_lossy(word))?;
    let from = from.get(1..).unwrap_or_default();
    if from.is_empty() {
        return Err(format!("no process and no path follow '{kind}='"));
    }
    if from.iter().all(|b| *b == b'0') {
        return Err("there is no process 0".to_owned());
    }
    Ok(LowJoin { kind, from: from.to_vec() })
}

/// `boot|monotonic=SECONDS`.
pub(crate) fn clock_offset(text: &str) -> Result<ClockOffset, String> {
    let (name, seconds) = text.split_once('=').ok_or("it is not CLOCK=SECONDS")?;
    let clock = match name {
        "boot" | "boottime" => Clock::Boottime,
        "monotonic" => Clock::Monotonic,
        _ => {
            return Err(format!("a time namespace has no clock '{name}', only boot and monotonic"));
        }
    };
    let seconds =
        seconds.parse().map_err(|_| format!("'{seconds}' is not a whole number of seconds"))?;
    Ok(ClockOffset { clock, seconds })
}

/// Resource limits by their names in `getrlimit(2)`.
pub(crate) const RLIMITS: [&str; 16] = [
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// `NAME=SOFT[:HARD]`; the hard limit follows the soft one when it is not given.
pub(crate) fn rlimit(text: &str) -> Result<Rlimit, String> {
    let (name, limits) = text.split_once('=').ok_or("it is not NAME=SOFT or NAME=SOFT:HARD")?;
    if !RLIMITS.contains(&name) {
        return Err(match nearest::nearest(name, RLIMITS.into_iter()) {
            Some(near) => format!("there is no limit '{name}'; did you mean '{near}'?"),
            None => format!("there is no limit '{name}': one of {}", RLIMITS.join(", ")),
        });
    }
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let (soft, hard) = (limit(soft)?, limit(hard)?);
    if soft.unwrap_or(u64::MAX) > hard.unwrap_or(u64::MAX) {
        return Err("the soft limit is above the hard one".to_owned());
    }
    Ok(Rlimit { name: name.to_owned(), soft, hard })
}

fn limit(text: &str) -> Result<Option<u64>, String> {
    match text {
        "unlimited" | "-1" => Ok(None),
        _ => match text.parse() {
            Ok(u64::MAX) => Ok(None),
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(format!("'{text}' is not a limit: a number or 'unlimited'")),
        },
    }
}

/// A comma list of capabilities, by their plain names.
pub(crate) fn capabilities(list: &str) -> Result<Vec<String>, String> {
    let one = |word: &str| {
        let lower = word.to_ascii_lowercase();
        let plain = lower.strip_prefix("cap_").unwrap_or(&lower);
        if CapSet::named(plain).is_some() {
            return Ok(plain.to_owned());
        }
        Err(match nearest::nearest(plain, caps::NAMES.into_iter()) {
            Some(near) => format!("there is no capability '{word}'; did you mean '{near}'?"),
            None => format!("there is no capability '{word}' (see capabilities(7))"),
        })
    };
    list.split(',').map(one).collect()
}

/// A user or group id. The last number is the kernel's "no id".
fn id(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(u32::MAX) | Err(_) => Err(format!("'{text}' is not an id")),
        Ok(id) => Ok(id),
    }
}

/// `UID[:GID]` or `NAME`.
pub(crate) fn user(text: &str) -> Result<LowUser, String> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    if user.is_empty() {
        return Err("no user is named".to_owned());
    }
    let number = user.bytes().all(|b| b.is_ascii_digit());
    if group.is_some() && !number {
        return Err("a group is given with a number, not with a name: UID:GID".to_owned());
    }
    let user = if number { IdSpec::Id(id(user)?) } else { IdSpec::Name(user.to_owned()) };
    Ok(LowUser { user, gid: group.map(id).transpose()? })
}

/// `INNER:OUTER:COUNT` or `auto`.
pub(crate) fn map(text: &str) -> Result<LowMap, String> {
    match text {
        "auto" => Ok(LowMap::Auto),
        _ => text.parse().map(LowMap::Range),
    }
}

/// `NAME[=VALUE]`.
pub(crate) fn variable(value: &[u8]) -> Result<EnvSource, String> {
    let cut = value.iter().position(|b| *b == b'=');
    let (name, rest) = value.split_at(cut.unwrap_or(value.len()));
    if name.is_empty() {
        return Err("the variable has no name".to_owned());
    }
    Ok(match rest.split_first() {
        Some((_, content)) => EnvSource::Set(name.to_vec(), content.to_vec()),
        None => EnvSource::Copy(name.to_vec()),
    })
}

/// `KEY=VALUE` of `sysctl(8)`.
pub(crate) fn sysctl(value: &[u8]) -> Result<Sysctl, String> {
    let cut = value.iter().position(|b| *b == b'=').ok_or("it is not KEY=VALUE")?;
    let (key, rest) = value.split_at(cut);
    let key = std::str::from_utf8(key).map_err(|_| "the key is not UTF-8 text")?.to_owned();
    if key.is_empty() {
        return Err("the setting has no name".to_owned());
    }
    Ok(Sysctl { key, value: Text::from(rest.get(1..).unwrap_or_default()) })
}

/// The name of a box: what `sethostname(2)` takes, without blanks.
pub(crate) fn hostname(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("the name is empty".to_owned());
    }
    if text.len() > 64 {
        return Err(format!("the name has {} bytes, the kernel takes 64", text.len()));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("a host name has no blanks".to_owned());
    }
    Ok(text.to_owned())
}

/// The number of a descriptor.
pub(crate) fn descriptor(text: &str) -> Result<i32, String> {
    match text.parse::<i32>() {
        Ok(fd) if fd >= 0 => Ok(fd),
        _ => Err(format!("'{text}' is not the number of a descriptor")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(s: &str) -> Result<(String, Option<String>), String> {
        let text = |v: Vec<u8>| String::from_utf8(v).unwrap();
        path_and_dest(s.as_bytes()).map(|(p, d)| (text(p), d.map(text)))
    }

    #[test]
    fn paths_and_destinations() {
        for (given, path, dest) in [
            ("/a", "/a", None),
            ("a:/b", "a", Some("/b")),
            ("~/a:~/b", "~/a", Some("~/b")),
            ("a:~", "a", Some("~")),
            (r"a\:b:/c\:d", "a:b", Some("/c:d")),
            (r"a\b\", r"a\b\", None),
            (r"a\\:/b", r"a\:/b", None),
        ] {
            assert_eq!(pair(given), Ok((path.to_owned(), dest.map(str::to_owned))), "{given}");
        }
        for bad in ["", ":/b", "a:b", "a:", "a:/b:/c", "a:~b"] {
            assert!(pair(bad).is_err(), "{bad}");
        }
        assert_eq!(path(br"/pci0000:00\:1"), Ok(b"/pci0000:00:1".to_vec()));
        assert!(path(b"").is_err());
    }

    #[test]
    fn sizes() {
        for (given, want) in [
            ("1", 1),
            ("64K", 65536),
            ("64k", 65536),
            ("1.5M", 1_572_864),
            ("2G", 2 << 30),
            ("16777215T", 16_777_215 << 40),
        ] {
            assert_eq!(size(given), Ok(want), "{given}");
        }
        for bad in [
            "",
            "0",
            "K",
            "1.",
            ".5G",
            "1.2.3",
            "10%",
            "1KB",
            "-1",
            "16777216T",
            "1e3",
            "18446744073709551615.999999999T",
        ] {
            assert!(size(bad).is_err(), "{bad}");
        }
        assert_eq!(tmpfs(b"/a:1K"), Ok((b"/a".to_vec(), Some(1024))));
        assert_eq!(tmpfs(b"/a"), Ok((b"/a".to_vec(), None)));
        assert!(tmpfs(b"/a:").is_err());
    }

    #[test]
    fn durations() {
        for (given, want) in [
            ("10", 10_000),
            ("10s", 10_000),
            ("1.5m", 90_000),
            ("2h", 7_200_000),
            ("500ms", 500),
            ("0.25", 250),
            ("1d", 86_400_000),
        ] {
            assert_eq!(duration_ms(given), Ok(want), "{given}");
        }
        for bad in ["", "0", "0.1ms", "s", "5x", "1m30s", "-1", "99999999999999999999"] {
            assert!(duration_ms(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lists_of_namespaces() {
        let list = kinds("pid,mount").unwrap();
        assert_eq!(list.set, list.named);
        let list = kinds("all,net").unwrap();
        assert_eq!(list.set, NamespaceSet::ALL);
        assert_eq!(list.named, [NamespaceKind::Net].into_iter().collect());
        assert_eq!(kinds("none"), Ok(Kinds::default()));
        assert_eq!(kinds("mnt,network").map(|k| k.set), kinds("mount,net").map(|k| k.set));
        assert_eq!(kinds("usr"), Err("'usr' is not a namespace; did you mean 'user'?".into()));
        assert!(kinds("filesystem").unwrap_err().contains("one of pid, mount"));
        assert!(KINDS.iter().all(|k| k.parse::<NamespaceKind>().is_ok()));
    }

    #[test]
    fn joins() {
        let ok = join(b"net=/run/netns/a=b").unwrap();
        assert_eq!((ok.kind, ok.from.as_slice()), (NamespaceKind::Net, &b"/run/netns/a=b"[..]));
        for bad in [&b"net"[..], b"net=", b"=1", b"net=0", b"x=1"] {
            assert!(join(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn clocks_and_limits() {
        let offset = |clock, seconds| Ok(ClockOffset { clock, seconds });
        assert_eq!(clock_offset("boot=86400"), offset(Clock::Boottime, 86400));
        assert_eq!(clock_offset("monotonic=-5"), offset(Clock::Monotonic, -5));
        for bad in ["boot", "boot=", "boot=1.5", "real=1"] {
            assert!(clock_offset(bad).is_err(), "{bad}");
        }
        let limit = |name: &str, soft, hard| Ok(Rlimit { name: name.to_owned(), soft, hard });
        assert_eq!(rlimit("core=0"), limit("core", Some(0), Some(0)));
        assert_eq!(rlimit("nofile=10:20"), limit("nofile", Some(10), Some(20)));
        assert_eq!(rlimit("cpu=10:unlimited"), limit("cpu", Some(10), None));
        assert_eq!(rlimit("cpu=-1"), limit("cpu", None, None));
        for bad in ["core", "core=", "cor=1", "core=2:1", "core=-2", "core=unlimited:1", "c=1:2:3"]
        {
            assert!(rlimit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn users_and_maps() {
        assert_eq!(user("0:5"), Ok(LowUser { user: IdSpec::Id(0), gid: Some(5) }));
        assert_eq!(user("bob"), Ok(LowUser { user: IdSpec::Name("bob".into()), gid: None }));
        for bad in ["", ":5", "1:", "1:x", "bob:5", "4294967295", "99999999999"] {
            assert!(user(bad).is_err(), "{bad}");
        }
        assert_eq!(map("auto"), Ok(LowMap::Auto));
        assert!(map("0:1000:1").is_ok());
        assert!(map("0:1000").is_err());
    }

    #[test]
    fn names() {
        assert_eq!(
            capabilities("CAP_NET_ADMIN,sys_time"),
            Ok(vec!["net_admin".to_owned(), "sys_time".to_owned()])
        );
        assert_eq!(capabilities("ALL"), Ok(vec!["all".to_owned()]));
        assert!(capabilities("net_adm").unwrap_err().contains("'net_admin'"));
        assert!(capabilities("").is_err());
        assert!(hostname("box").is_ok());
        assert!(hostname(&"x".repeat(64)).is_ok());
        for bad in [String::new(), "x".repeat(65), "a b".to_owned()] {
            assert!(hostname(&bad).is_err(), "{bad}");
        }
        assert_eq!(variable(b"A=b=c"), Ok(EnvSource::Set(b"A".to_vec(), b"b=c".to_vec())));
        assert_eq!(variable(b"A="), Ok(EnvSource::Set(b"A".to_vec(), Vec::new())));
        assert_eq!(variable(b"A"), Ok(EnvSource::Copy(b"A".to_vec())));
        assert!(variable(b"=x").is_err());
        let set = Sysctl { key: "net.a".to_owned(), value: "1=2".into() };
        assert_eq!(sysctl(b"net.a=1=2"), Ok(set));
        assert!(sysctl(b"net.a").is_err() && sysctl(b"=1").is_err());
        assert_eq!(descriptor("3"), Ok(3));
        assert!(descriptor("-1").is_err());
    }
}
