//! No format deletes a secret from its file that is not stored.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{PlainEntry, PlainFile, PlainFindings, format};

/// How a file is made: its format and its path, what is before its parts, between them and behind them, and the parts. In
/// these, `§` stands for a new secret, and `¤` for one in base64 behind `u:`.
type Grammar = ([&'static str; 2], [&'static str; 3], &'static [&'static str]);

const KUBE: &str = "clusters:\n- name: a\n  cluster:\n    server: https://a\ncontexts:\n- name: a\n  context:\n    cluster: a\n    user: u\nusers:\n";

const AWS: &[&str] = &[
    "[a]\n",
    "[profile a]\n",
    "[profile 'a']\n",
    "[default]\n",
    "[DEFAULT]\n",
    "aws_access_key_id=§\n",
    "aws_secret_access_key=§\n",
    "aws_access_key_id=§\naws_secret_access_key=§\n",
    "aws_session_token=§\n",
    "aws_security_token=§\n",
    "region=§\n",
    "# §\n",
    " §\n",
];

const GRAMMARS: [Grammar; 9] = [
    (
        ["netrc", "f"],
        ["", "", ""],
        &[
            "machine a ",
            "machine b ",
            "login u ",
            "login v ",
            "machine a login u password § ",
            "login v password §\n",
            "password § ",
            "password \"§\" ",
            "account § ",
            "\n",
            "\n\n",
            "# ",
            "default ",
            "macdef m\n",
            "password #§ ",
            "password \"§\\n\" ",
            "machine a/b login u password § ",
        ],
    ),
    (
        ["git", "f"],
        ["", "", ""],
        &[
            "https://u:§@h\n",
            "https://v:§@h/x\n",
            "http://u:§@h\n",
            "# §\n",
            "https://u:§%0a@h\n",
            "https://§@h\n",
            "https://:§@\n",
            "https://u:§@h\r\n",
            "§\n",
        ],
    ),
    (
        ["docker", "f"],
        ["{\"auths\":{", ",", "}}"],
        &[
            r#""r":{"auth":"¤"}"#,
            r#""https://r/v1/":{"auth":"¤"}"#,
            r#""s":{"username":"u","password":"§"}"#,
            r#""http://s":{"username":"u","password":"§"}"#,
            r#""t":{"identitytoken":"§"}"#,
            r#""v":{"auth":"¤","identitytoken":"§"}"#,
            r#""w":{"auth":"¤","registrytoken":"§"}"#,
            r#""x":{"auth":"¤","password":"§"}"#,
            r#""y":{"username":"u","password":"§","PASSWORD":"§"}"#,
            r#""z":{"auth":"§"}"#,
            r#""z":"§""#,
            r#""r/team":{"auth":"¤"}"#,
            r#""https://s":{"username":"v","password":"§"}"#,
        ],
    ),
    (["aws", "f"], ["", "", ""], AWS),
    (["aws", "config"], ["", "", ""], AWS),
    (
        ["npmrc", "f"],
        ["", "", ""],
        &[
            "//a/:_authToken=§\n",
            "//a/:_auth=§\n",
            "//a/:_password=§\n",
            "//a/:username=u\n",
            "//a/:username=token\n",
            "//b/:_authToken=§\n",
            "//b/:_authToken=\"§;\"\n",
            "//b/:_authToken=${A}\n",
            "; §\n",
            "_authToken=§\n",
            "[x]\n",
        ],
    ),
    (
        ["pypirc", "f"],
        ["", "", ""],
        &[
            "[pypi]\n",
            "[a]\n",
            "[b]\n",
            "username=u\n",
            "password=§\n",
            "repository=https://x/\n",
            "repository=https://u:§@x/\n",
            "# §\n",
            " §\n",
        ],
    ),
    (
        ["kube", "f"],
        [KUBE, "", ""],
        &[
            "- name: u\n  user:\n",
            "- name: v\n  user:\n",
            "    token: §\n",
            "    client-certificate-data: ¤\n",
            "    client-key-data: ¤\n",
            "    client-certificate-data: null\n",
            "    password: §\n",
            "    token: [§]\n",
            "    token: \"§\\x41\"\n",
            "- name: v\n  user: {token: §}\n",
            "    # §\n",
        ],
    ),
    (
        ["cargo", "f"],
        ["", "", ""],
        &[
            "[registry]\n",
            "token = \"§\"\n",
            "secret-key = \"§\"\n",
            "[registries.x]\n",
            "# §\n",
            "[a]\n",
            "token = [\"§\"]\n",
            "registries.y = \"§\"\n",
            "token = '''\n§'''\n",
            "registry.token = \"§\"\n",
        ],
    ),
];

#[test]
fn every_secret_that_leaves_a_file_is_stored() {
    for ([name, path], [before, between, behind], parts) in GRAMMARS {
        let format = format(name).unwrap();
        let (mut state, mut stored) = (1_u64, 0);
        // A linear congruential generator (Knuth, MMIX).
        let mut random = |limit: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % limit
        };
        for _ in 0..4000 {
            let mut secrets = Vec::new();
            let chosen: Vec<_> = (0..=random(9)).map(|_| parts[random(parts.len())]).collect();
            let mut content = String::from(before);
            for c in chosen.join(between).chars() {
                let secret = format!("zq{}x", secrets.len() + 10);
                let spelled = match c {
                    '§' => secret.clone(),
                    '¤' => BASE64_STANDARD.encode(format!("u:{secret}")),
                    c => {
                        content.push(c);
                        continue;
                    }
                };
                content.push_str(&spelled);
                secrets.push((secret, spelled));
            }
            content.push_str(behind);
            let file = PlainFile { path: path.as_ref(), content: content.as_bytes() };
            let Ok(PlainFindings { entries, .. }) = format.find(&file) else { continue };
            // As import does, which refuses another value for the same credential.
            let mut kept: Vec<&PlainEntry> = Vec::new();
            for entry in &entries {
                if !kept.iter().any(|other| other.key == entry.key && other.value != entry.value) {
                    kept.push(entry);
                }
            }
            let rest = format.without(file.content, &kept);
            let rest = str::from_utf8(&rest).unwrap();
            let has =
                |entry: &PlainEntry, text: &str| str::from_utf8(entry.value.expose()).unwrap().contains(text);
            for (secret, spelled) in &secrets {
                let is_stored = kept.iter().any(|entry| has(entry, secret) || has(entry, spelled));
                assert!(rest.contains(spelled) || is_stored, "{name} loses {secret}:\n{content}");
                stored += usize::from(is_stored);
            }
        }
        assert!(stored > 20, "{name} stored only {stored}");
    }
}
