// SPDX-License-Identifier: Apache-2.0
export const kTimeframeSeconds = { M1: 60, M5: 300, M15: 900, M30: 1800, H1: 3600, H4: 14_400, D1: 86_400 };
