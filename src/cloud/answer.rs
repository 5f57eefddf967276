//! Answers that came whole.

use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};

/// Makes clients to which an answer that was cut is none, so that the request is made again.
///
/// `object_store` does that by itself only where no byte of an answer came. Nothing that is read here is
/// longer than what this crate writes for itself: files of data are never read.
#[derive(Debug)]
pub(super) struct Connector;

#[derive(Debug)]
struct Whole(HttpClient);

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Whole(ReqwestConnector::default().connect(options)?)))
    }
}

#[async_trait::async_trait]
impl HttpService for Whole {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (head, body) = self.0.execute(request).await?.into_parts();
        // This kind is one that is tried again whatever the request was: each that writes can be made
        // twice, as one can whose answer did not come at all.
        let cut = |error| HttpError::new(HttpErrorKind::Request, error);
        let body = body.bytes().await.map_err(cut)?;
        Ok(HttpResponse::from_parts(head, body.into()))
    }
}
