//! A profile of AWS's own tools: keys, a region and an endpoint that stand in files.
//!
//! Roles, single sign-on and processes, from which those tools get keys too, are not followed but told of.

mod file;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use object_store::aws::AmazonS3ConfigKey as Key;

use crate::cloud::address::Address;
use crate::error::{Error, Result};
use crate::printable;
use file::Setting;

/// The most that is read of a file of profiles: they are written by hand.
const MOST_BYTES: usize = 1 << 20;

/// Longest that is repeated of a path, or of a profile's name.
const MOST_SHOWN: usize = 300;

/// The profile that counts where none is named.
const DEFAULT: &str = "default";

const KEY_ID: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";

/// That the keys of a profile are another's, who would have to be asked for them. With it, keys that stand beside it are
/// not those that are meant.
const ROLE: &str = "role_arn";

/// From where a profile has keys that does not have them itself; so do all that begin with `sso_`.
const ELSEWHERE: [&str; 5] = [
    "credential_process",
    "credential_source",
    "login_session",
    "source_profile",
    "web_identity_token_file",
];

/// A profile, in the order in which its files count.
pub(super) struct Profile([Part; 2]);

/// What one file has of it: `None` if it has no such profile.
struct Part {
    path: PathBuf,
    settings: Option<Vec<Setting>>,
}

/// A setting, with the file that has it.
pub(super) struct Found<'a> {
    path: &'a Path,
    setting: &'a Setting,
}

impl Profile {
    /// That which the variables of the environment name; otherwise the one that counts where none is named, if there is
    /// one.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if one is named that is not there, or if a file
    /// cannot be read.
    pub(super) fn of(
        address: &Address,
        variables: &[(String, String)],
        home: Option<&Path>,
    ) -> Result<Option<Self>> {
        let set = |name| {
            let is_set = |(it, value): &&(String, String)| it == name && !value.is_empty();
            variables.iter().find(is_set).map(|(_, value)| value.as_str())
        };
        let path = |variable, usual| expanded(set(variable).unwrap_or(usual), home);
        let named = set("AWS_PROFILE");
        let name = named.unwrap_or(DEFAULT);
        let in_credentials = |section: &str| section == name;
        let in_config = |section: &str| of_config(section) == Some(name);
        let of_all = |section: &str| name == DEFAULT && section == DEFAULT;
        let credentials = path("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
        let config = path("AWS_CONFIG_FILE", "~/.aws/config");
        let parts = [
            Part::read(address, credentials, &[&in_credentials])?,
            // Where both stand in it, [profile default] counts.
            Part::read(address, config, &[&in_config, &of_all])?,
        ];
        match (parts.iter().any(|part| part.settings.is_some()), named) {
            (true, _) => Ok(Some(Self(parts))),
            (false, Some(named)) => Err(absent(address, named, &parts)),
            (false, None) => Ok(None),
        }
    }

    /// The setting `name`.
    pub(super) fn get(&self, name: &str) -> Option<Found<'_>> {
        self.0.iter().find_map(|part| part.get(name))
    }

    /// Its keys, all of one file; none if it has none.
    ///
    /// # Errors
    /// If half of a pair is missing, or if they would have to be asked for.
    pub(super) fn keys(&self) -> Result<Vec<(Key, Found<'_>)>, String> {
        if let Some(role) = self.get(ROLE) {
            return Err(role.not_followed());
        }
        for part in &self.0 {
            match (part.get(KEY_ID), part.get(SECRET)) {
                (Some(id), Some(secret)) => {
                    let token = part.get("aws_session_token").map(|token| (Key::Token, token));
                    let pair = [(Key::AccessKeyId, id), (Key::SecretAccessKey, secret)];
                    return Ok(pair.into_iter().chain(token).collect());
                }
                (Some(id), None) => return Err(id.without(SECRET)),
                (None, Some(secret)) => return Err(secret.without(KEY_ID)),
                (None, None) => {}
            }
        }
        match self.0.iter().find_map(Part::elsewhere) {
            Some(elsewhere) => Err(elsewhere.not_followed()),
            None => Ok(Vec::new()),
        }
    }
}

impl Part {
    /// What the file at `path`, if it is there, has in the first of the `sections` that it has.
    fn read(address: &Address, path: PathBuf, sections: &[&dyn Fn(&str) -> bool]) -> Result<Self> {
        let text = match text(&path) {
            Ok(text) => text,
            Err(error) if is_absent(&error) => return Ok(Self { path, settings: None }),
            Err(error) => {
                let what = format!("{} cannot be read", shown(&path));
                return Err(address.wrong(&what).caused_by(error));
            }
        };
        let mut settings = None;
        for section in sections {
            settings = file::settings(&text, section).map_err(|wrong| {
                let what = format!("{}, line {}, {}", shown(&path), wrong.line, wrong.what);
                address.wrong(&what)
            })?;
            if settings.is_some() {
                break;
            }
        }
        Ok(Self { path, settings })
    }

    /// The setting `name`, as it was set last. One that is empty is not set, as of variables.
    fn get(&self, name: &str) -> Option<Found<'_>> {
        self.last(|setting| setting.name == name)
    }

    /// A setting that says from where there are keys.
    fn elsewhere(&self) -> Option<Found<'_>> {
        self.last(|Setting { name, .. }| name.starts_with("sso_") || ELSEWHERE.contains(&&**name))
    }

    fn last(&self, is_meant: impl Fn(&Setting) -> bool) -> Option<Found<'_>> {
        let mut settings = self.settings.iter().flatten();
        let setting = settings.rfind(|it| is_meant(it) && !it.value.is_empty())?;
        Some(Found { path: &self.path, setting })
    }
}

impl Found<'_> {
    pub(super) fn value(&self) -> &str {
        &self.setting.value
    }

    /// That `what` is wrong with it. The value is not repeated: it may be a secret.
    pub(super) fn wrong(&self, what: &str) -> String {
        let Setting { line, name, .. } = self.setting;
        format!("{}, line {line}: {} {what}", shown(self.path), printable(name, MOST_SHOWN))
    }

    fn without(&self, other: &str) -> String {
        self.wrong(&format!("is set without {other}: set both or none"))
    }

    fn not_followed(&self) -> String {
        self.wrong(
            "is not followed, only keys that stand in a profile are: `eval \"$(aws configure export-credentials \
             --format env)\"` makes variables of it",
        )
    }
}

/// That there is no profile of the name that is `named`.
fn absent(address: &Address, named: &str, [credentials, config]: &[Part; 2]) -> Error {
    let named = printable(named, MOST_SHOWN);
    let section = if named == DEFAULT { named.clone() } else { format!("profile {named}") };
    address.wrong(&format!(
        "AWS_PROFILE names a profile that is not there: there is neither [{named}] in {} nor [{section}] in {}",
        shown(&credentials.path),
        shown(&config.path)
    ))
}

/// The profile whose section is `section` in the file of settings.
fn of_config(section: &str) -> Option<&str> {
    let name = section.strip_prefix("profile")?;
    let quoted = |quote: char| name.trim().strip_prefix(quote)?.strip_suffix(quote);
    let is_apart = name.starts_with([' ', '\t']);
    is_apart.then(|| quoted('"').or_else(|| quoted('\'')).unwrap_or(name.trim()))
}

/// `path` with the directory of the user in the place of a `~`, which no shell has seen.
fn expanded(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(path), Some(home)) => home.join(path),
        _ => path.into(),
    }
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string(), MOST_SHOWN)
}

/// Whether there is no file at all, as AWS's own tools let it be.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    // Not by its length alone: what is no file may have none, and no end.
    File::open(path)?.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MOST_BYTES {
        let message = format!(
            "it has more than {MOST_BYTES} bytes, the most that is read of a file of profiles"
        );
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        io::Error::new(io::ErrorKind::InvalidData, format!("line {line} is not UTF-8"))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::error::ErrorKind;

    /// A user with these files, either of which may be missing.
    fn user(credentials: Option<&str>, config: Option<&str>) -> TempDir {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".aws")).unwrap();
        for (name, text) in [("credentials", credentials), ("config", config)] {
            if let Some(text) = text {
                fs::write(home.path().join(".aws").join(name), text).unwrap();
            }
        }
        home
    }

    fn of(home: &TempDir, variables: &[(&str, &str)]) -> Result<Option<Profile>> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variables: Vec<_> = variables.iter().map(owned).collect();
        Profile::of(&Address::of("s3://lake/a"), &variables, Some(home.path()))
    }

    /// What it has: keys, and the settings of which there are no keys.
    fn values(profile: &Profile) -> Vec<String> {
        let keys = profile.keys().unwrap();
        let others = ["region", "endpoint_url"].into_iter().filter_map(|name| profile.get(name));
        let found = keys.iter().map(|(_, found)| found.value().to_owned());
        found.chain(others.map(|found| found.value().to_owned())).collect()
    }

    fn told(error: &Error) -> String {
        let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.message().starts_with("s3://lake/a: "), "{error}");
        format!("{}: {cause}", error.message())
    }

    const CREDENTIALS: &str = "[default]\naws_access_key_id = d\naws_secret_access_key = e\n\
        [lake]\naws_access_key_id = l\naws_secret_access_key = m\naws_session_token = n\n";
    const CONFIG: &str = "[default]\nregion = r\n[profile lake]\nregion = s\nendpoint_url = http://u\n\
        aws_access_key_id = x\naws_secret_access_key = y\n[profile 'two words']\nregion = t\n";

    #[test]
    fn it_is_the_one_that_is_named_of_both_files_and_keys_are_of_one() {
        let home = user(Some(CREDENTIALS), Some(CONFIG));
        let of = |name| values(&of(&home, &[("AWS_PROFILE", name)]).unwrap().unwrap());
        assert_eq!(of("lake"), ["l", "m", "n", "s", "http://u"]);
        assert_eq!(of("default"), ["d", "e", "r"]);
        assert_eq!(of(""), ["d", "e", "r"]);
        assert_eq!(of("two words"), ["t"]);
        let home = user(None, Some(CONFIG));
        let profile = super::tests::of(&home, &[("AWS_PROFILE", "lake")]).unwrap().unwrap();
        assert_eq!(values(&profile), ["x", "y", "s", "http://u"]);
    }

    #[test]
    fn files_are_where_variables_say() {
        let (home, other) = (user(None, None), user(Some(CREDENTIALS), Some(CONFIG)));
        assert!(of(&home, &[]).unwrap().is_none());
        let path = |name| other.path().join(".aws").join(name).display().to_string();
        let (credentials, config) = (path("credentials"), path("config"));
        let variables =
            [("AWS_SHARED_CREDENTIALS_FILE", &*credentials), ("AWS_CONFIG_FILE", &*config)];
        assert_eq!(values(&of(&home, &variables).unwrap().unwrap()), ["d", "e", "r"]);
        let relative = [("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")];
        assert_eq!(values(&of(&other, &relative).unwrap().unwrap()), ["d", "e", "r"]);
        // None that is named need be there.
        assert!(of(&home, &[("AWS_CONFIG_FILE", "/no/such")]).unwrap().is_none());
    }

    #[test]
    fn of_the_two_ways_to_write_default_the_longer_one_counts() {
        let config = "[default]\nregion = r\n[profile default]\nregion = s\n";
        let home = user(None, Some(config));
        assert_eq!(values(&of(&home, &[]).unwrap().unwrap()), ["s"]);
    }

    #[test]
    fn one_that_is_named_and_not_there_is_told_with_its_files() {
        for (home, name) in [
            (user(Some(CREDENTIALS), Some(CONFIG)), "profile lake"),
            (user(Some(CREDENTIALS), Some("[other]\nregion = r\n")), "other"),
            (user(None, None), "default"),
        ] {
            let told = told(&of(&home, &[("AWS_PROFILE", name)]).map(drop).unwrap_err());
            for part in [&format!("[{name}] in "), "/.aws/credentials", "/.aws/config"] {
                assert!(told.contains(part), "{part}: {told}");
            }
        }
    }

    #[test]
    fn half_of_a_pair_and_keys_from_elsewhere_are_told_by_their_line() {
        let pair = "aws_access_key_id=s3cret\naws_secret_access_key=s3cret\n";
        for (text, line, words) in [
            (
                "aws_access_key_id=s3cret\naws_secret_access_key=\n",
                2,
                "without aws_secret_access_key",
            ),
            ("region=r\naws_secret_access_key=s3cret", 3, "without aws_access_key_id"),
            ("credential_process = s3cret", 2, "credential_process is not followed"),
            ("sso_session = s3cret", 2, "aws configure export-credentials"),
            ("web_identity_token_file = s3cret", 2, "web_identity_token_file is not followed"),
            ("source_profile = s3cret", 2, "source_profile is not followed"),
            (&format!("{pair}role_arn = s3cret"), 4, "role_arn is not followed"),
        ] {
            let home = user(Some(&format!("[default]\n{text}")), None);
            let told = of(&home, &[]).unwrap().unwrap().keys().map(drop).unwrap_err();
            let place = format!("/.aws/credentials, line {line}: ");
            assert!(told.contains(&place) && told.contains(words), "{told}");
            assert!(!told.contains("s3cret"), "{told}");
        }
        // What is written there beside, other tools have made of it.
        let home = user(Some(&format!("[default]\n{pair}")), Some("[default]\nsso_session=a\n"));
        assert_eq!(values(&of(&home, &[]).unwrap().unwrap()), ["s3cret", "s3cret"]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_and_not_repeated() {
        let long = format!("[default]\n{}", "#".repeat(MOST_BYTES));
        for (text, words) in [
            (long.as_bytes(), "it has more than 1048576 bytes"),
            (b"[default]\nregion = \xff", "line 2 is not UTF-8"),
            (b"s3cret\n", "config, line 1, stands before the first section"),
            (b"[default]\ns3cret\n", "config, line 2, is neither a section nor"),
        ] {
            let home = user(None, None);
            fs::write(home.path().join(".aws/config"), text).unwrap();
            let told = told(&of(&home, &[]).map(drop).unwrap_err());
            assert!(told.contains(words) && !told.contains("s3cret"), "{told}");
        }
        let home = user(None, None);
        fs::create_dir(home.path().join(".aws/config")).unwrap();
        assert!(told(&of(&home, &[]).map(drop).unwrap_err()).contains("config cannot be read: "));
    }
}
