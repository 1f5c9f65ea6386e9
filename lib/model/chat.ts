export type { ChatFormat } from './chat/chat-format.ts';
export { chatFormatFor } from './chat/choose-format.ts';
export { chatML, chatMLSpecialTokens, compactChat, compactSpecialTokens } from './chat/token-formats.ts';
