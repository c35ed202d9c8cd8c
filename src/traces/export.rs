//! Sending spans to the collector that the settings name.
//!
//! Turns spans into batches of OTLP (protobuf over HTTP/1.1) on a thread of its own. What the collector does, or
//! does not do, reaches no answer: the queue is bounded, what does not fit is dropped, a failure is logged once
//! and tried again with the next batch. It follows no redirect and uses no proxy.

use crate::config::TracesConfig;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use secrecy::ExposeSecret;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use url::Url;

/// Spans that wait; a call has about a dozen. Further ones are dropped.
const QUEUE: usize = 4_096;
/// Spans of one batch.
const BATCH: usize = 512;
/// Longest wait until a span is sent.
const DELAY: Duration = Duration::from_secs(2);
/// Time that the collector gets to take a batch.
const WITHIN: Duration = Duration::from_secs(5);
/// Time that the last batches get when the service ends.
const LAST: Duration = Duration::from_secs(3);

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The HTTP client cannot be made.
    #[error("the client for the collector of traces cannot be set up")]
    Http(#[source] reqwest::Error),
    /// Its runtime cannot be made.
    #[error("the runtime for the collector of traces cannot be set up: {0}")]
    Runtime(#[from] std::io::Error),
    /// The exporter cannot be made.
    #[error("the exporter of traces cannot be set up: {0}")]
    Exporter(String),
}

/// Spans on their way to a collector.
pub struct Exporting {
    provider: SdkTracerProvider,
}

/// Begins to send to the collector of the settings.
///
/// # Errors
/// [`SetupError`] if the client or its thread cannot be made; that nobody listens there is no error.
pub fn start(config: &TracesConfig) -> Result<Exporting, SetupError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector::new(config)?)
        .with_endpoint(config.endpoint.as_str())
        .with_timeout(WITHIN)
        .build()
        .map_err(|error| SetupError::Exporter(error.to_string()))?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(DELAY);
    let resource = Resource::builder()
        .with_service_name("stepdown")
        .with_attribute(opentelemetry::KeyValue::new(
            "service.version",
            env!("CARGO_PKG_VERSION"),
        ))
        .build();
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.sample_ratio)));
    let provider = SdkTracerProvider::builder()
        .with_span_processor(
            BatchSpanProcessor::builder(exporter)
                .with_batch_config(batches.build())
                .build(),
        )
        .with_sampler(sampler)
        .with_resource(resource)
        .build();
    Ok(Exporting { provider })
}

impl Exporting {
    /// Makes the spans of this program's calls.
    pub fn tracer(&self) -> SdkTracer {
        self.provider.tracer("stepdown")
    }

    /// Sends what waits, for a few seconds at most. Not to be called where calls are answered.
    pub fn finish(self) {
        // A collector that is not there has been told of already.
        self.provider.shutdown_with_timeout(LAST).ok();
    }
}

/// The collector, asked from the thread that makes the batches.
struct Collector {
    endpoint: Url,
    headers: HeaderMap,
    http: reqwest::Client,
    runtime: Runtime,
    failing: AtomicBool,
}

impl Collector {
    fn new(config: &TracesConfig) -> Result<Self, SetupError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &config.headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_str(value.expose_secret());
            if let (Ok(name), Ok(mut value)) = (name, value) {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .timeout(WITHIN)
            // The runtime stands still between two batches, and an idle connection with it.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("stepdown/", env!("CARGO_PKG_VERSION")));
        Ok(Self {
            endpoint: config.endpoint.clone(),
            headers,
            http: http.build().map_err(SetupError::Http)?,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            failing: AtomicBool::new(false),
        })
    }

    /// Sends one batch. Address and headers are those of the settings: what the environment of the process
    /// would add to them is not sent.
    fn send(&self, body: Bytes) -> Result<Response<Bytes>, HttpError> {
        let sent = self.runtime.block_on(async {
            let call = self.http.post(self.endpoint.clone());
            let answer = call.headers(self.headers.clone()).body(body).send().await?;
            let status = answer.status();
            Ok::<_, reqwest::Error>((status, answer.bytes().await?))
        });
        match &sent {
            Ok((status, _)) if status.is_success() => self.took(),
            Ok((status, _)) => self.failed(status),
            Err(error) => self.failed(&reason(error)),
        }
        let (status, bytes) = sent.map_err(reqwest::Error::without_url)?;
        Ok(Response::builder().status(status.as_u16()).body(bytes)?)
    }

    fn took(&self) {
        if self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!(event = "traces.recovered");
        }
    }

    fn failed(&self, why: &dyn fmt::Display) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(event = "traces.failing", error = %why, "the collector takes no spans; calls are answered as ever");
        }
    }
}

fn reason(error: &reqwest::Error) -> &'static str {
    match error {
        late if late.is_timeout() => "no answer in time",
        refused if refused.is_connect() => "no connection",
        _ => "the connection broke",
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Collector").finish_non_exhaustive()
    }
}

/// The future of the trait, which the exporter waits for on a thread where waiting harms nobody.
type Sending<'f> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>;

impl HttpClient for Collector {
    fn send_bytes<'life0, 'async_trait>(&'life0 self, request: Request<Bytes>) -> Sending<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { self.send(request.into_body()) })
    }
}
