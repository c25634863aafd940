//! What was said and when it is final: segmentation, stabilisation, back-log policy.
