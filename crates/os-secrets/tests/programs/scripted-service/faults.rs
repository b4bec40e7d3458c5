//! The faults, each by its name.

#[path = "../../support/mod.rs"]
mod support;

use std::io::BufRead;

use os_secrets::credential::Key;
use support::{
    model::{ARCHIVE, Encryption, LOGIN, Model, OnPrompt},
    script::Deviation,
    service::Service,
};
use tokio::sync::mpsc;
use zbus::{OwnedObjectPath, Variant};

/// What gives a client the secret: ours calls the first, libsecret the second.
const READING: [&str; 2] = ["GetSecret", "GetSecrets"];

/// Serves until standard input ends.
pub fn serve() {
    let (lines, mut commands) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            lines.send(line.expect("standard input is text")).expect("the service runs");
        }
    });
    let address = std::env::var("DBUS_SESSION_BUS_ADDRESS").expect("DBUS_SESSION_BUS_ADDRESS is set");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let service = Service::at(&address).await;
        provoke(&service, "heal").await;
        println!("ready");
        while let Some(command) = commands.recv().await {
            provoke(&service, &command).await;
            println!("done");
        }
    });
}

async fn provoke(service: &Service, fault: &str) {
    let nothing: Vec<OwnedObjectPath> = Vec::new();
    let reading = |deviation: Deviation| {
        for method in READING {
            service.once(method, deviation.clone());
        }
    };
    match fault {
        "heal" => {
            service.heal();
            service.model().start_over();
            let key = Key { service: "faults".into(), name: "name".into() };
            service.model().put(LOGIN, &key, b"value");
        }
        "no encryption" => service.model().encryption = Encryption::Missing,
        "a key exchange that leaves no secret" => {
            let body = (Variant::from(vec![0_u8; 128]), path("/org/freedesktop/secrets/session/1"));
            service.always("OpenSession", Deviation::answer(body));
        }
        "the session is forgotten" => service.model().forget_clients(),
        "the service leaves in the middle, its successor is there" => {
            service.arrive().await;
            reading(Deviation::Leave);
        }
        "no answer to one message" => reading(Deviation::Ignore),
        "a reply of the wrong types" => service.always("SearchItems", Deviation::answer("nonsense")),
        "an error in words of 16 MiB" => {
            let words = "x".repeat(16 << 20).leak();
            service.always("SearchItems", Deviation::refuse_saying("org.example.Error.Chatty", words));
        }
        "100,000 matches that are not there" => {
            let matches: Vec<_> = (0..100_000).map(|number| path(&format!("{ARCHIVE}/{number}"))).collect();
            service.always("SearchItems", Deviation::answer((matches, nothing)));
        }
        "a secret without its last byte" => service.model().spoils = true,
        "the item vanishes between two messages" => {
            reading(Deviation::change(|model: &mut Model| model.items.clear()));
        }
        "the item is replaced between two messages" => reading(Deviation::change(Model::move_items)),
        "the collection is locked between two messages" => {
            reading(Deviation::change(|model: &mut Model| model.lock(LOGIN, true)));
        }
        "the collection is deleted before a `set`" => {
            let delete = |model: &mut Model| {
                model.collections.remove(LOGIN);
                model.items.clear();
                model.default = None;
            };
            service.once("CreateItem", Deviation::change(delete));
        }
        "the collection stays locked after its prompt was answered" => {
            service.model().lock(LOGIN, true);
            service.model().on_prompt = OnPrompt::CompleteInVain;
        }
        "a prompt that ends with nonsense" => {
            service.model().lock(LOGIN, true);
            service.model().on_prompt = OnPrompt::Garble;
        }
        _ => panic!("no fault {fault:?} is known"),
    }
}

fn path(path: &str) -> OwnedObjectPath {
    path.try_into().unwrap()
}
