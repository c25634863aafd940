// What the pages around a call say: making a session, joining, waiting, and every way in which it can be over.

export const titles = {
  start: "Hearken: video calls for support groups",
  created: "Session created – Hearken",
  join: "Join – Hearken",
  connecting: "Connecting – Hearken",
  waiting: "Waiting room – Hearken",
  call: (session: string) => `${session} – Hearken`,
  closed: "Session – Hearken",
  captions: (session: string) => `Captions of ${session} – Hearken`,
  /** Put before the title while somebody waits, so that a tab in the background shows it. */
  knocking: (n: number, title: string) =>
    `(${n}) ${n === 1 ? "Somebody is" : "People are"} waiting – ${title}`,
} as const;

export const start = {
  heading: "Create a session",
  introduction:
    "A video call for a support group: people ask to come in, a facilitator keeps the space, and captions show who says what. Nothing to install.",
  name: "Session name",
  nameHint: "Everybody who has a link sees this name. Up to 40 characters.",
  operatorKey: "Operator key",
  operatorKeyHint:
    "Printed when the server started for the first time. It is sent to this server only and not kept in this browser.",
  startsAt: "Start",
  startsAtHint: "Leave empty to start now. Before the start facilitators can come in; members wait.",
  endsAt: "End",
  endsAtHint:
    "Leave empty for 12 hours after the start. At the end everybody is out and the links stop working.",
  capacity: "Places",
  capacityHint: "How many can be in at once, facilitators counted: 2 to 25.",
  waitingRoom: "Waiting room",
  waitingRoomHint: "A facilitator lets each member in.",
  captions: "Live captions",
  captionsHint: "The server writes down what is said while it is said. Nothing is kept after the session.",
  language: "Spoken language",
  detect: "Find out for each speaker",
  translate: "Captions in English",
  translateHint: "What is said is translated as it is written down, where the caption model can.",
  vocabulary: "Names and terms",
  vocabularyHint:
    "One on each line: words that come up in this group and that captions get wrong, like names and medication. Up to 50.",
  transcript: "Transcript, if everybody agrees",
  transcriptHint:
    "Everybody is asked. Only while all who are in have agreed is what is said kept, and you get it as a file at the end. Nothing stays on the server.",
  submit: "Create session",
  submitting: "Creating the session…",
  created: "The session is ready",
  createdIntroduction:
    "Copy the links now: they are shown only here. Whoever has a link can use it, so give each one only to those it is for.",
  facilitatorLink: "Facilitator link",
  facilitatorLinkHint:
    "For you and those who keep the space with you: lets one in without waiting, and lets one admit, mute, remove and end.",
  memberLink: "Member link",
  memberLinkHint: "For everybody else: leads to the device check and then to the waiting room.",
  captionerLink: "Captioner link",
  captionerLinkHint:
    "For one person who types captions for the others, if you have one: they write under the speakers' names and correct the automatic captions.",
  copyCaptioner: "Copy captioner link",
  copyFacilitator: "Copy facilitator link",
  copyMember: "Copy member link",
  another: "Create another session",
  errors: {
    nameMissing: "Give the session a name.",
    nameTooLong: "The name may have at most 40 characters.",
    keyMissing: "Enter the operator key.",
    capacity: "Enter a number from 2 to 25.",
    timeInvalid: "Enter a date and a time, or leave it empty.",
    endBeforeStart: "The end has to lie after the start and in the future.",
    heading: "The session was not created",
    summary: "Please correct what is marked below.",
    key: "This operator key is not valid. The server keeps it in a file named operator-key in its data folder.",
  },
} as const;

export const copy = {
  done: "Copied",
  announced: (what: string) => `${what} copied.`,
  failed: "This browser did not let the page copy. Select the link and copy it by hand.",
} as const;

export const join = {
  heading: "Before you join",
  headingNamed: (session: string) => `Join ${session}`,
  introduction: "Nobody sees or hears you yet.",
  name: "Your name",
  nameHint: "The others know you by this name. It can be a made-up one.",
  agree: "I agree to the group guidelines",
  ask: "Ask to join",
  join: "Join",
  asFacilitator: "You join as a facilitator.",
  errors: {
    name: "Enter the name you want to go by.",
    nameTooLong: "The name may have at most 40 characters.",
    agree: "Please read the guidelines and agree to them before you join.",
  },
  captionsNotice: {
    text: "If captions are on in this session, the server listens so that it can write them. The audio is never recorded and never leaves the operator's own machines.",
  },
  guidelines: "Group guidelines",
  linkIncomplete: "This link is not complete. Ask whoever sent it for the whole link.",
} as const;

export const guidelines = [
  "What is said here stays here. Nobody records, photographs or passes on what others say, nor who was here.",
  "Be where nobody else can see or hear the group. Headphones help.",
  "Speak for yourself and from your own experience. Give advice only when somebody asks for it.",
  "Let others finish, and leave room for those who speak less. Silence is fine.",
  "You may keep your camera off, stay muted, skip a question or leave at any time, without giving a reason.",
  "The facilitator keeps the space safe and may mute or remove somebody to do so.",
  "This group does not replace professional help. If you or somebody else is in danger, call your local emergency number.",
] as const;

export const devices = {
  heading: "Your camera and microphone",
  preview: "Preview of your camera",
  cameraOff: "Your camera is off",
  microphone: "Microphone",
  camera: "Camera",
  chooseMicrophone: "Choose microphone",
  chooseCamera: "Choose camera",
  chooseSpeaker: "Choose speaker",
  testSpeaker: "Play a test sound",
  testPlayed:
    "A short chime was played. If you did not hear it, choose another speaker or turn up the volume.",
  level: "Microphone level",
  levelSilent: "We don't hear anything yet. Say something.",
  levelHeard: "We hear you.",
  levelOff: "Your microphone is off. You can switch it on later.",
  levelPercent: (percent: number) => `${percent} percent`,
  useHint:
    "Your browser asks for permission. You can also join without either and just watch, listen and read.",
  asking: "Your browser is asking for permission. Please answer there.",
  without: "You can join without it and just watch, listen and read.",
  close: "Close",
  settings: "Device settings",
  unnamedCamera: (n: number) => `Camera ${n}`,
  unnamedMicrophone: (n: number) => `Microphone ${n}`,
  unnamedSpeaker: (n: number) => `Speaker ${n}`,
  retry: "Try again",
  retryMicrophone: "Try again with the microphone",
  retryCamera: "Try again with the camera",
  choose: "Choose another",
  problems: {
    microphone: {
      denied:
        "The browser does not let this page use your microphone. Allow it in the browser's site settings (the symbol beside the address), then try again.",
      absent: "No microphone was found. Plug one in and try again.",
      busy: "Your microphone could not be opened. Another program may be using it: close that program and try again.",
      unplugged:
        "Your microphone was unplugged or switched off. The others can't hear you until you choose another one.",
      unsupported: "Browsers give microphones to secure pages only. Open this page with https.",
    },
    camera: {
      denied:
        "The browser does not let this page use your camera. Allow it in the browser's site settings (the symbol beside the address), then try again.",
      absent: "No camera was found. Plug one in and try again.",
      busy: "Your camera could not be opened. Another program may be using it: close that program and try again.",
      unplugged:
        "Your camera was unplugged or switched off. The others can't see you until you choose another one.",
      unsupported: "Browsers give cameras to secure pages only. Open this page with https.",
    },
    screen: {
      denied: "Sharing the screen was not allowed by the browser or the system.",
      absent: "There is no screen to share.",
      busy: "The screen could not be shared.",
      unplugged: "Sharing the screen has ended.",
      unsupported: "Browsers share screens from secure pages only. Open this page with https.",
    },
  },
} as const;

export const connecting = {
  heading: "Connecting…",
  text: "This takes a few seconds.",
  cancel: "Cancel",
} as const;

export const waiting = {
  heading: "You are in the waiting room",
  knocking: "The facilitators have been told that you are here. One of them will let you in.",
  calm: "Nobody in the session sees or hears you, and you don't see or hear them. You can stay on this page; it changes by itself when you are let in.",
  notStarted: "The session has not started yet",
  startsAt: (time: string, span: string) => `It starts ${time}, ${span}.`,
  startsSoon: "It should start any moment now.",
  afterStart:
    "Stay on this page. After the start you go to the waiting room or straight in, without doing anything.",
  asName: (name: string) => `You will be known as ${name}.`,
  leave: "Stop waiting",
  connectionLost: "The connection was lost. We are trying to get back; your place is kept.",
} as const;

export const closed = {
  ended: {
    heading: "The session has ended",
    time: "Its time was up.",
    facilitator: "A facilitator ended it for everyone.",
    operator: "The operator of this server ended it.",
    text: "All links to it have stopped working. Nothing that was said or shown was kept.",
  },
  left: {
    heading: "You left the session",
    text: "You can come back by the same link while the session lasts.",
  },
  denied: {
    heading: "You were not let in",
    text: "A facilitator did not let you in this time. If you think this was a mistake, ask whoever invited you, then ask once more.",
    blocked: "A facilitator did not let you in, and you can't ask again in this session.",
  },
  removed: {
    heading: "You were removed from the session",
    text: "A facilitator put you out, and your seat is blocked for this session. If this upsets you or you need to talk to somebody, please turn to the person who invited you.",
  },
  takenOver: {
    heading: "The session is open somewhere else",
    text: "Your seat was taken over by another tab or device, and this one was disconnected. You can close this page, or take the seat back.",
  },
  gone: {
    heading: "This session is over",
    text: "The link has stopped working, as all links do when a session ends.",
  },
  refused: {
    heading: "You can't come in with this link",
  },
  rejoin: "Join again",
  takeBack: "Continue here",
  askAgain: "Ask once more",
} as const;
