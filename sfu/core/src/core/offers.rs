//! Offers: who gets a connection, and what becomes of the one they have.

use std::sync::Arc;

use hearken_protocol::{MediaEvent, OfferRefusal, ParticipantId, SessionId};
use rand::RngCore;

use super::{Core, Place, TICK};
use crate::answer;
use crate::media::downlink::Downlink;
use crate::media::negotiated::Negotiated;
use crate::media::participant::{Connection, Encryption};
use crate::media::session::{Now, Session};
use crate::media::uplink::Uplink;
use crate::sdp::Offer;
use crate::transport::{CHALLENGE_SECRET_BYTES, ICE_SEED_BYTES, IceCredentials, Transport, TransportConfig};

/// People with a connection, or with one before, in one core. Full: offers of others are refused, which they are told.
const CONNECTIONS_MAX: usize = 2000;

impl Core {
    /// Answers or refuses, and then makes the slots known.
    pub(super) fn offer(
        &mut self,
        place: usize,
        participant: ParticipantId,
        negotiation: u32,
        sdp: &str,
        encryption: Encryption,
        now: Now,
    ) {
        let Some(session) = &mut self.sessions[place] else {
            return;
        };
        let id = session.id;
        let Some(at) = session.find(participant) else {
            if session.has_place() {
                // Not admitted: there is no transport, and no answer.
                self.shared.counters.commands_ignored += 1;
            } else {
                self.refuse(id, participant, negotiation, OfferRefusal::SessionOutgrown);
            }
            return;
        };
        let place = Place {
            session: place,
            participant: at,
        };
        let event = match self.answer(place, sdp, encryption, now) {
            Ok(answer) => {
                self.shared.counters.offers_answered += 1;
                MediaEvent::Answer {
                    session: id,
                    participant,
                    negotiation,
                    sdp: answer.into(),
                }
            }
            Err(refusal) => return self.refuse(id, participant, negotiation, refusal),
        };
        // The answer goes before the slots it makes known.
        self.shared.event(event);
        if let Some(session) = &mut self.sessions[place.session] {
            session.deal_pairs(now, &mut self.shared);
        }
        self.drain(place, now);
    }

    pub(super) fn refuse(
        &mut self,
        session: SessionId,
        participant: ParticipantId,
        negotiation: u32,
        refusal: OfferRefusal,
    ) {
        let counters = &mut self.shared.counters;
        *match refusal {
            OfferRefusal::Malformed(_) => &mut counters.offers_malformed,
            OfferRefusal::Full => &mut counters.offers_full,
            OfferRefusal::SessionOutgrown => &mut counters.offers_outgrown,
        } += 1;
        self.shared.event(MediaEvent::OfferRefused {
            session,
            participant,
            negotiation,
            refusal,
        });
    }

    /// Answers an offer: of the connection there is, if it has the same certificate, else of a new one.
    fn answer(
        &mut self,
        place: Place,
        sdp: &str,
        encryption: Encryption,
        now: Now,
    ) -> Result<String, OfferRefusal> {
        let mut offer = Offer::parse(sdp).map_err(|error| OfferRefusal::Malformed(error.to_string()))?;
        match encryption {
            Encryption::PerHop => {}
            Encryption::EndToEnd => offer.leave_out_redundancy(),
        }
        let negotiated = Negotiated::from_offer(&offer);
        let Some(session) = &mut self.sessions[place.session] else {
            return Err(OfferRefusal::Full);
        };
        let is_same = session
            .connection(place.participant)
            .is_some_and(|connection| connection.fingerprints == offer.fingerprints);
        if is_same {
            self.renegotiate(place, &offer, negotiated, now);
        } else {
            // Who comes back with a new page was carried before, also if the old one has said goodbye.
            let is_new = session
                .participant(place.participant)
                .is_some_and(|participant| !participant.has_media);
            if is_new {
                let of_session = session.with_media();
                self.admit_connection(of_session)?;
                self.load.expect_one();
            }
            self.disconnect(place, now);
            self.connect(place, &offer, negotiated, now);
        }
        let session = self.sessions[place.session]
            .as_mut()
            .expect("checked at the beginning");
        let connection = session.connection(place.participant).expect("just connected");
        connection.encryption = encryption;
        Ok(answer::write(
            &offer,
            connection,
            &self.identity,
            &self.candidates,
        ))
    }

    /// Whether one more fits in, beside those of the same session. Who had a connection, and has not left, keeps the
    /// place.
    fn admit_connection(&self, of_session: usize) -> Result<(), OfferRefusal> {
        let carried: usize = self.sessions.iter().flatten().map(Session::with_media).sum();
        let is_overloaded = self.load.is_full() && self.connections > 0;
        if carried < CONNECTIONS_MAX && !is_overloaded {
            return Ok(());
        }
        Err(if 2 * of_session > carried {
            OfferRefusal::SessionOutgrown
        } else {
            OfferRefusal::Full
        })
    }

    fn connect(&mut self, place: Place, offer: &Offer, negotiated: Negotiated, now: Now) {
        let local = self.fresh_credentials();
        let mut challenge_secret = [0; CHALLENGE_SECRET_BYTES];
        self.shared.random.fill_bytes(&mut challenge_secret);
        let config = TransportConfig {
            local: local.clone(),
            remote: offer.ice.clone(),
            remote_fingerprints: offer.fingerprints.clone(),
            identity: Arc::clone(&self.identity),
            challenge_secret,
        };
        self.by_ufrag.insert(local.ufrag.clone(), place);
        let random = &mut self.shared.random;
        let connection = Connection {
            transport: Transport::new(config, now.instant),
            uplink: Uplink::new(negotiated.sends),
            downlink: Downlink::new(negotiated.pairs, random),
            fingerprints: offer.fingerprints.clone(),
            sdp_session: random.next_u64(),
            answers: 0,
            remote: offer.ice.clone(),
            ufrags: vec![local.ufrag.clone()],
            local,
            pairs: Vec::new(),
            encryption: Encryption::PerHop,
            rtcp_ssrc: random.next_u32().max(1),
            last_rtcp: None,
        };
        if let Some(session) = &mut self.sessions[place.session] {
            session.connect(place.participant, connection);
            self.connections += 1;
            self.next_tick.get_or_insert(now.instant + TICK);
        }
    }

    fn renegotiate(&mut self, place: Place, offer: &Offer, negotiated: Negotiated, now: Now) {
        let fresh = self.fresh_credentials();
        let Some(session) = &mut self.sessions[place.session] else {
            return;
        };
        let Some(connection) = session.connection(place.participant) else {
            return;
        };
        connection.uplink.renegotiate(negotiated.sends);
        let known = connection.downlink.pairs.len();
        let more = negotiated.pairs.into_iter().skip(known).collect();
        connection.downlink.extend(more, &mut self.shared.random);
        if connection.remote == offer.ice {
            return;
        }
        connection
            .transport
            .restart_ice(fresh.clone(), offer.ice.clone(), now.instant);
        connection.remote = offer.ice.clone();
        connection.local = fresh.clone();
        connection.ufrags.push(fresh.ufrag.clone());
        let transport = &connection.transport;
        for outdated in connection
            .ufrags
            .extract_if(.., |ufrag| !transport.accepts(ufrag))
        {
            self.by_ufrag.remove(&outdated);
        }
        self.by_ufrag.insert(fresh.ufrag, place);
    }

    fn fresh_credentials(&mut self) -> IceCredentials {
        loop {
            let mut seed = [0; ICE_SEED_BYTES];
            self.shared.random.fill_bytes(&mut seed);
            let credentials = IceCredentials::from_seed(seed);
            if !self.by_ufrag.contains_key(&credentials.ufrag) {
                return credentials;
            }
        }
    }
}
