//! New certificates without a restart: their files are looked at while the node runs.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::sleep;

use crate::clock;
use crate::log::Log;
use crate::tls::Tls;

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long before its end a certificate is worth a warning, and how often.
const WARNING_SECONDS: u64 = 14 * 24 * 3600;
const WARNING_INTERVAL_SECONDS: u64 = 24 * 3600;

/// Looks for ever.
pub(crate) async fn run(tls: Rc<Tls>, log: Log) {
    let (mut last_error, mut warned) = (String::new(), 0);
    loop {
        let now = clock::now().0 / 1000;
        let left = tls.expires().saturating_sub(now);
        if left < WARNING_SECONDS && now >= warned + WARNING_INTERVAL_SECONDS {
            log.warn(format_args!("the certificate expires in {} days", left / (24 * 3600)));
            warned = now;
        }
        sleep(INTERVAL).await;
        match tls.renew(clock::now().0 / 1000) {
            Ok(false) => {}
            Ok(true) => {
                log.info("certificates were read again; new connections use them");
                warned = 0;
            }
            Err(error) => {
                let text = error.to_string();
                if text != last_error {
                    log.warn(format_args!("the old certificates stay in use: {text}"));
                    last_error = text;
                }
            }
        }
    }
}
