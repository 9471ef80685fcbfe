// SPDX-License-Identifier: Apache-2.0
// The book that the program uses, compiled once, where the tests of hot code can judge it.
#include "core/book/order_book.hpp"

namespace thintail {

template class BasicOrderBook<1024>;

}  // namespace thintail
