// Stands for the headers that all tests share: sluice_test_code() in the CMakeLists.txt above.
