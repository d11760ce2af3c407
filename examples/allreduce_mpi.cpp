// The C++ face over MPI: trains a quadratic with error feedback, one bit an element each way.
//
//   mpicxx -std=c++20 allreduce_mpi.cpp $(python -m skimp --cflags --libs) -o allreduce_mpi_cpp
//   mpirun -n 4 ./allreduce_mpi_cpp
#include <mpi.h>

#include <cmath>
#include <cstdio>
#include <vector>

#include "skimp/mpi.h"
#include "skimp/skimp.hpp"

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  double distance = 0;
  {
    skimp_communicator* made = nullptr;
    skimp::api::check(skimp_mpi_create(MPI_COMM_WORLD, &made));
    skimp::api::Communicator communicator(made);
    const skimp::api::Codec codec("sign");
    std::vector<float> position(10000, 0.0f), gradient(position.size()), mean(position.size());
    skimp::api::Residual residual(position.size());

    // Rank r pulls towards r + sin(i); the optimum is in the middle.
    const auto target = [](double centre, std::size_t i) {
      return centre + std::sin(static_cast<double>(i));
    };
    for (int step = 0; step < 300; ++step) {
      for (std::size_t i = 0; i < position.size(); ++i) {
        gradient[i] = static_cast<float>(position[i] - target(communicator.rank(), i));
      }
      communicator.allreduce(gradient, mean, {.codec = &codec, .residual = &residual});
      const float rate = 0.2f / (1 + 0.05f * static_cast<float>(step));
      for (std::size_t i = 0; i < position.size(); ++i) position[i] -= rate * mean[i];
    }
    const double centre = (communicator.world_size() - 1) / 2.0;
    for (std::size_t i = 0; i < position.size(); ++i) {
      distance = std::max(distance, std::abs(position[i] - target(centre, i)));
    }
    if (communicator.rank() == 0) {
      std::printf("%d ranks, sign with feedback: largest distance from the optimum %.4f\n",
                  communicator.world_size(), distance);
    }
  }  // Communicators end before MPI does.
  MPI_Finalize();
  return distance < 0.05 ? 0 : 1;
}
