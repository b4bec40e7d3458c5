//! The token of a server: logging in, renewing, and logging in again.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::{
    address::encode_path,
    client::Answer,
    failure::{Status, describe_errors},
    server::{Request, Server, read_flag, read_member, read_seconds},
    token::{SharedToken, Token},
};
use crate::{
    error::{Code, Error, Reason},
    executor::spawn,
    progress::Progress,
};

/// The longest time for which a token is taken to be valid.
const LONGEST_LEASE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The pause after the server could not say how long a token is valid.
const LOOKUP_PAUSE: Duration = Duration::from_secs(30);
/// The shortest time for which it is worthwhile to renew a token.
const SHORTEST_LEASE: Duration = Duration::from_millis(200);

impl Server {
    /// The token for a request. Logs in if there is none. Calls that need one meanwhile wait for it.
    pub(super) async fn current_token(self: &Arc<Self>, progress: &Progress) -> Result<SharedToken, Error> {
        let log_in = async || {
            let token = Arc::new(self.log_in(progress).await?);
            self.keep_valid(&token);
            Ok(token)
        };
        self.token.get_or_make(log_in).await
    }

    /// Replaces a token that the server has refused. Returns whether there is another one.
    pub(super) async fn replace_token(
        self: &Arc<Self>,
        refused: &SharedToken,
        progress: &Progress,
    ) -> Result<bool, Error> {
        if !self.target.login.can_repeat() {
            return Ok(false);
        }
        self.token.replace_if(|token| Arc::ptr_eq(token, refused), None).await;
        Ok(self.current_token(progress).await?.text != refused.text)
    }

    async fn log_in(self: &Arc<Self>, progress: &Progress) -> Result<Token, Error> {
        let login = self.target.login.clone();
        if let Some(text) = self.lane.run(move || login.token_at_hand()).await? {
            return Ok(Token::new(text, None));
        }
        let login = self.target.login.clone();
        let Some(sent) = self.lane.run(move || login.request()).await? else {
            return Err(self.refused_token());
        };
        let request = Request {
            operation: "logging in".into(),
            method: "POST",
            path: format!("auth/{}/login", encode_path(sent.mount.trim_matches('/'))?),
            body: sent.body,
            changes: false,
        };
        let answer = self.repeat(&request, None, progress).await?;
        match Status::of(&answer, request.method) {
            Status::Done => {}
            // A status other than these is not about the log-in.
            Status::Failed(failed) if answer.status != 400 => return Err(self.error(&request, failed)),
            _ => {
                let (code, reason) = (Code::AuthFailed, Reason::Token);
                let message = format!("{}. {}", describe_errors(&answer), self.target.login.advice());
                return Err(self.error(&request, (code, reason, message)));
            }
        }
        let Some(text) = read_member(&answer.body, &["auth"], "client_token") else {
            return Err(Error::Malformed("a log-in without a token".into()));
        };
        Ok(Token::new(text, read_seconds(&answer.body, &["auth"], "lease_duration")))
    }

    /// Whether the server knows a token. The policy `default` allows a token to examine itself. One without it may still see
    /// the mount.
    pub(super) async fn is_valid(
        self: &Arc<Self>,
        token: &SharedToken,
        progress: &Progress,
    ) -> Result<bool, Error> {
        let mount = format!("sys/internal/ui/mounts/{}", self.target.mount);
        for path in ["auth/token/lookup-self", &mount] {
            let answer = self.repeat(&token_request("GET", path), Some(token), progress).await?;
            if answer.status != 403 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Renews a token before it ends, or logs in again, for as long as it is this server's.
    fn keep_valid(self: &Arc<Self>, token: &SharedToken) {
        // Neither keeps a store or a token that nobody uses any more.
        let (server, weak) = (Arc::downgrade(self), Arc::downgrade(token));
        let mut lease = token.lease;
        spawn(async move {
            // Most commands end before the first pause.
            let mut pause = Duration::from_secs(1);
            while lease.is_none() {
                sleep(pause).await;
                let (Some(server), Some(token)) = (server.upgrade(), weak.upgrade()) else { return };
                match server.find_lease(&token).await {
                    Ok(None) => return,
                    Ok(found) => lease = found,
                    Err(_) => pause = LOOKUP_PAUSE,
                }
            }
            // 0 means that it does not end.
            while let Some(time) = lease.filter(|lease| !lease.is_zero()) {
                let (time, begun) = (time.min(LONGEST_LEASE), Instant::now());
                sleep(time * 2 / 3).await;
                let (Some(server), Some(token)) = (server.upgrade(), weak.upgrade()) else { return };
                let renewed = server.renew(&token).await.unwrap_or(None);
                // A token that has reached its maximum is hardly longer valid than before.
                let is_ending = renewed.is_none_or(|lease| lease <= time / 3);
                if is_ending && server.log_in_again(&token).await {
                    return;
                }
                // A server that has not answered may do so before the token ends.
                let left = || time.checked_sub(begun.elapsed()).filter(|left| *left >= SHORTEST_LEASE);
                lease = renewed.or_else(left);
            }
        });
    }

    /// Finds how long a token is valid. `None` if it cannot be renewed, or the server does not say.
    async fn find_lease(self: &Arc<Self>, token: &SharedToken) -> Result<Option<Duration>, Error> {
        let answer = self.ask_of_token("GET", "auth/token/lookup-self", token).await?;
        Ok(answer
            .filter(|answer| read_flag(&answer.body, &["data"], "renewable"))
            .and_then(|answer| read_seconds(&answer.body, &["data"], "ttl")))
    }

    /// Renews a token. Returns how long it is valid now, or `None` if the server refuses.
    async fn renew(self: &Arc<Self>, token: &SharedToken) -> Result<Option<Duration>, Error> {
        let answer = self.ask_of_token("POST", "auth/token/renew-self", token).await?;
        Ok(answer.and_then(|answer| read_seconds(&answer.body, &["auth"], "lease_duration")))
    }

    async fn ask_of_token(
        self: &Arc<Self>,
        method: &'static str,
        path: &str,
        token: &SharedToken,
    ) -> Result<Option<Arc<Answer>>, Error> {
        let progress = Progress::reading(false);
        let request = token_request(method, path);
        let answer = self.bound(&progress, self.repeat(&request, Some(token), &progress)).await?;
        Ok((answer.status == 200).then_some(answer))
    }

    /// Replaces a token that ends soon. Returns whether there is another one.
    async fn log_in_again(self: &Arc<Self>, token: &SharedToken) -> bool {
        if !self.target.login.can_repeat() {
            return false;
        }
        let progress = Progress::reading(false);
        let Ok(new) = self.bound(&progress, self.log_in(&progress)).await else { return false };
        if new.text == token.text {
            return false;
        }
        let new = Arc::new(new);
        if self.token.replace_if(|current| Arc::ptr_eq(current, token), Some(Arc::clone(&new))).await {
            self.keep_valid(&new);
        }
        true
    }
}

fn token_request(method: &'static str, path: &str) -> Request {
    Request {
        operation: "examining the token".into(),
        method,
        path: path.to_owned(),
        body: Zeroizing::default(),
        changes: false,
    }
}
