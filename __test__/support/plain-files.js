// The formats of `secrets import --from`, with an example of each.

const base64 = (text) => Buffer.from(text).toString("base64");

/**
 * The formats: for each the path of its file in the home directory, an example of the file, and its credentials. These are
 * [service, name, what is in the file only while the credential is]. Their values are those of a run that is not killed.
 */
const formats = {
  git: {
    path: ".git-credentials",
    content: "https://me:one-1@a.example\nhttps://you:two-2@b.example\n",
    credentials: [
      ["git:https://a.example", "me", "one-1"],
      ["git:https://b.example", "you", "two-2"],
    ],
  },
  docker: {
    path: ".docker/config.json",
    content: `{"auths": {"a.example": {"auth": "${base64("me:one-1")}"}, "b.example": {"auth": "${base64("you:two-2")}"}}}\n`,
    credentials: [
      ["docker:a.example", "me", base64("me:one-1")],
      ["docker:b.example", "you", base64("you:two-2")],
    ],
  },
  aws: {
    path: ".aws/credentials",
    content:
      "[default]\naws_access_key_id = AKIAONE\naws_secret_access_key = one-1\n\n" +
      "[two]\naws_access_key_id = AKIATWO\naws_secret_access_key = two-2\n",
    credentials: [
      ["aws", "default", "one-1"],
      ["aws", "two", "two-2"],
    ],
  },
  npmrc: {
    path: ".npmrc",
    content:
      "fund=false\n//a.example/:_authToken=one-1\n//b.example/:username=you\n//b.example/:_password=dHdv\n",
    credentials: [
      ["npm://a.example/", "token", "one-1"],
      ["npm://b.example/", "you", "dHdv"],
    ],
  },
  netrc: {
    path: ".netrc",
    content: "machine a.example login me password one-1\nmachine b.example\n  login you\n  password two-2\n",
    credentials: [
      ["git:https://a.example", "me", "one-1"],
      ["git:https://b.example", "you", "two-2"],
    ],
  },
  pypirc: {
    path: ".pypirc",
    content:
      "[distutils]\nindex-servers =\n  a\n  b\n\n[a]\nrepository = https://a.example/\nusername = me\npassword = one-1\n\n" +
      "[b]\nrepository = https://b.example/\nusername = you\npassword = two-2\n",
    credentials: [
      ["https://a.example/", "me", "one-1"],
      ["https://b.example/", "you", "two-2"],
    ],
  },
  cargo: {
    path: ".cargo/credentials.toml",
    content: '[registry]\ntoken = "one-1"\n\n[registries.b]\ntoken = "two-2"\n',
    env: { CARGO_REGISTRIES_B_INDEX: "sparse+https://b.example/" },
    credentials: [
      ["cargo:https://github.com/rust-lang/crates.io-index", "token", "one-1"],
      ["cargo:sparse+https://b.example/", "token", "two-2"],
    ],
  },
  kube: {
    path: ".kube/config",
    content:
      "apiVersion: v1\nkind: Config\ncurrent-context: a\n" +
      "clusters:\n- name: a\n  cluster:\n    server: https://a.example\n- name: b\n  cluster:\n    server: https://b.example\n" +
      "contexts:\n- name: a\n  context:\n    cluster: a\n    user: me\n- name: b\n  context:\n    cluster: b\n    user: you\n" +
      "users:\n- name: me\n  user:\n    token: one-1\n- name: you\n  user:\n    token: two-2\n",
    credentials: [
      ["kubernetes:https://a.example", "me", "one-1"],
      ["kubernetes:https://b.example", "you", "two-2"],
    ],
  },
};

module.exports = { formats };
