// SPDX-License-Identifier: MIT
/// A node's records in a flash that loses its power, is full, or is damaged.
#include "microlink/port/esp_idf/nvs_records.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/port/esp_idf/fake_idf/flash.h"

namespace microlink::chip_test {
namespace {

using esp_idf::NvsRecords;
using fake_idf::Flash;

class Records : public ::testing::Test {
 protected:
  Records() {
    Flash::get().reset();
    EXPECT_TRUE(this->records.open());
  }
  ~Records() override { Flash::get().reset(); }

  Error store(Record record, const std::string &text) { return this->records.store(record, as_bytes(text)); }
  std::string load(Record record) {
    Bytes<MAX_RECORD_BYTES> out;
    const auto size = this->records.load(record, out);
    return size ? std::string(as_text(ByteView(out).first(*size))) : error_name(size.error());
  }
  /// As after a cut of the power.
  void restart() {
    Flash::get().power_on();
    this->records.close();
    ASSERT_TRUE(this->records.open());
  }

  NvsRecords records;
};

TEST_F(Records, are_there_after_a_restart_each_under_its_own_key) {
  for (uint8_t i = 0; i != static_cast<uint8_t>(Record::COUNT); i++)
    ASSERT_EQ(this->store(static_cast<Record>(i), std::string(MAX_RECORD_BYTES, static_cast<char>('a' + i))),
              Error::NONE);
  this->restart();
  EXPECT_EQ(Flash::get().stored(), static_cast<size_t>(Record::COUNT));
  for (uint8_t i = 0; i != static_cast<uint8_t>(Record::COUNT); i++)
    EXPECT_EQ(this->load(static_cast<Record>(i)), std::string(MAX_RECORD_BYTES, static_cast<char>('a' + i)));
}

TEST_F(Records, that_are_not_there_are_empty) { EXPECT_EQ(this->load(Record::SELF), ""); }

TEST_F(Records, are_written_only_when_they_change) {
  ASSERT_EQ(this->store(Record::CLOCK, "noon"), Error::NONE);
  const size_t writes = Flash::get().writes();
  ASSERT_EQ(this->store(Record::CLOCK, "noon"), Error::NONE);
  EXPECT_EQ(Flash::get().writes(), writes);
  ASSERT_EQ(this->store(Record::CLOCK, "one o'clock"), Error::NONE);
  EXPECT_GT(Flash::get().writes(), writes);
  EXPECT_EQ(Flash::get().stored(), 1U);
}

TEST_F(Records, are_the_old_or_the_new_ones_whenever_the_power_goes) {
  const std::string old(200, 'o');
  const std::string fresh(250, 'n');
  size_t old_ones = 0;
  size_t fresh_ones = 0;
  for (size_t write = 0; write != 20; write++) {
    Flash::get().reset();
    this->restart();
    ASSERT_EQ(this->store(Record::NODE_KEY, old), Error::NONE);
    Flash::get().cut_power_at(write);
    const Error error = this->store(Record::NODE_KEY, fresh);
    this->restart();
    const std::string now = this->load(Record::NODE_KEY);
    EXPECT_TRUE(now == old || now == fresh) << write;
    EXPECT_TRUE(error != Error::NONE || now == fresh) << write;
    old_ones += now == old;
    fresh_ones += now == fresh;
    EXPECT_EQ(Flash::get().stored(), 1U);
  }
  EXPECT_GT(old_ones, 5U);
  EXPECT_GT(fresh_ones, 5U);
}

TEST_F(Records, are_erased_or_not_whenever_the_power_goes) {
  ASSERT_EQ(this->store(Record::NODE_KEY, "key"), Error::NONE);
  Flash::get().cut_power_at(0);
  EXPECT_EQ(this->records.erase(Record::NODE_KEY), Error::NO_SPACE);
  this->restart();
  EXPECT_EQ(this->load(Record::NODE_KEY), "key");
  EXPECT_EQ(this->records.erase(Record::NODE_KEY), Error::NONE);
  EXPECT_EQ(this->records.erase(Record::NODE_KEY), Error::NONE);
  EXPECT_EQ(this->load(Record::NODE_KEY), "");
}

TEST_F(Records, stay_as_they_are_in_a_full_flash) {
  Flash::get().reset(16);
  this->restart();
  ASSERT_EQ(this->store(Record::NODE_KEY, std::string(250, 'o')), Error::NONE);
  EXPECT_EQ(this->store(Record::NODE_KEY, std::string(250, 'n')), Error::NO_SPACE);
  EXPECT_EQ(this->store(Record::SELF, std::string(250, 's')), Error::NO_SPACE);
  EXPECT_EQ(this->load(Record::NODE_KEY), std::string(250, 'o'));
  EXPECT_EQ(this->load(Record::SELF), "");
}

TEST_F(Records, that_are_damaged_are_an_error_and_may_be_replaced) {
  ASSERT_EQ(this->store(Record::SELF, "myself"), Error::NONE);
  Flash::get().damage("self");
  EXPECT_EQ(this->load(Record::SELF), error_name(Error::MALFORMED));
  ASSERT_EQ(this->store(Record::SELF, "myself"), Error::NONE);
  EXPECT_EQ(this->load(Record::SELF), "myself");
}

TEST_F(Records, of_a_closed_store_are_not_ready) {
  this->records.close();
  EXPECT_EQ(this->load(Record::SELF), error_name(Error::NOT_READY));
  EXPECT_EQ(this->store(Record::SELF, "x"), Error::NOT_READY);
  EXPECT_EQ(this->records.erase(Record::SELF), Error::NOT_READY);
}

TEST_F(Records, cannot_be_opened_in_a_flash_that_does_not_answer) {
  this->records.close();
  Flash::get().cut_power_at(0);
  EXPECT_FALSE(this->records.open());
}

}  // namespace
}  // namespace microlink::chip_test
