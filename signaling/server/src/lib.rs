//! HTTP API, WebSocket, one task per live session, tokens, store and metrics.
