"""Derives the polynomial coefficients of backend/llvm/math_tables.c and prints them as C initialisers.

Each polynomial is a minimax fit by the Remez exchange in 160-bit arithmetic. Coefficients are then rounded
to the target's precision, all at once or one by one with the rest fitted again, whichever is better. The printed error
is that of the rounded polynomial, relative to the function. Needs mpmath; run it only to change a degree or an interval.
"""
import mpmath as m
from mpmath import mpf

m.mp.prec = 160


def levelled(function, weight, low, high, count, fixed=(), grid=400, rounds=14):
    """The |count| coefficients that follow |fixed| and level weight * (polynomial - function) on [low, high]."""
    power = len(fixed)
    rest = lambda x: function(x) - sum(c * x**i for i, c in enumerate(fixed))
    point = lambda i, n: (low + high) / 2 - (high - low) / 2 * m.cos(m.pi * mpf(i) / n)
    fine = [point(i, grid) for i in range(grid + 1)]
    wanted, weights = [rest(x) for x in fine], [weight(x) for x in fine]
    nodes = [point(2 * i + 1, 2 * (count + 1)) for i in range(count + 1)]
    best = None
    for _ in range(rounds):
        matrix, right = m.matrix(count + 1, count + 1), m.matrix(count + 1, 1)
        for i, x in enumerate(nodes):
            for j in range(count):
                matrix[i, j] = x ** (power + j)
            matrix[i, count], right[i] = (-1) ** i / weight(x), rest(x)
        solution = m.lu_solve(matrix, right)
        c = [solution[j] for j in range(count)]
        error = [(m.polyval(c[::-1], x) * x**power - y) * w for x, y, w in zip(fine, wanted, weights)]
        worst = max(map(abs, error))
        if best is None or worst < best[1]:
            best = (c, worst)
        peaks, start = [], 0
        for i in range(1, len(fine) + 1):
            if i == len(fine) or (error[i] > 0) != (error[start] > 0):
                peaks.append(max(range(start, i), key=lambda k: abs(error[k])))
                start = i
        while len(peaks) > count + 1:
            peaks.pop(0 if abs(error[peaks[0]]) < abs(error[peaks[-1]]) else -1)
        if len(peaks) < count + 1 or worst - abs(solution[count]) < worst / 1000:
            break
        nodes = [fine[k] for k in peaks]
    return best[0]


def rounded(value, precision):
    if value == 0:
        return value
    mantissa, exponent = m.frexp(value)
    return m.ldexp(m.nint(m.ldexp(mantissa, precision)), exponent - precision)


def fit(name, function, weight, low, high, degree, precision):
    low, high = mpf(low), mpf(high)
    points = [low + (high - low) * i / 1000 for i in range(1001)]
    error = lambda c: max(abs((m.polyval(c[::-1], x) - function(x)) * weight(x)) for x in points)
    together = [rounded(a, precision) for a in levelled(function, weight, low, high, degree + 1)]
    stepwise = []
    while len(stepwise) <= degree:
        stepwise.append(rounded(levelled(function, weight, low, high, degree + 1 - len(stepwise), stepwise)[0], precision))
    c = min(together, stepwise, key=error)
    print(f"/* {name}: error 2^{float(m.log(error(c), 2)):.1f} */")
    print("{" + ", ".join(float(a).hex() for a in c) + "},", flush=True)


def exp_rest(r):
    """(e^r - 1 - r) / r^2, and the weight that makes errors relative to e^r - 1."""
    return sum(r**k / m.factorial(k + 2) for k in range(16)) if abs(r) < 1e-3 else (m.exp(r) - 1 - r) / r**2


def exp_weight(r):
    return abs(r**2 / m.expm1(r)) + mpf("1e-9") if r else mpf("1e-9")


def log_rest(f):
    """(log(1 + f) - f + f^2 / 2) / f^3, and the weight that makes errors relative to log(1 + f)."""
    return sum((-f) ** k / mpf(k + 3) for k in range(16)) if abs(f) < 1e-4 else (m.log1p(f) - f + f * f / 2) / f**3


def log_weight(f):
    return abs(f**3 / m.log1p(f)) + mpf("1e-9") if f else mpf("1e-9")


def erf_rest(u):
    """erf(x) / x - 1 of u = x^2."""
    x = m.sqrt(u)
    return 2 / m.sqrt(m.pi) * (1 - u / 3 + u * u / 10) - 1 if x < 1e-6 else m.erf(x) / x - 1


def atanh_rest(z):
    """atanh(s) / s = 1 + z / 3 + z^2 * rest, z = s^2."""
    s = m.sqrt(z)
    return sum(z**k / (2 * k + 5) for k in range(16)) if z < 1e-3 else (m.atanh(s) / s - 1 - z / 3) / z**2


def tables(name, precision, exp_degree, log_degree):
    half = m.log(2) / 2 * mpf("1.0001")
    fit(name + " exp", exp_rest, exp_weight, -half, half, exp_degree, precision)
    fit(name + " log", log_rest, log_weight, -mpf(1) / 3, mpf(1) / 3, log_degree, precision)


def erf_tables(name, precision, split, high, center, root, small_degree, large_degree):
    split, high, center = mpf(split), mpf(high), mpf(center)
    fit(name + " erf below " + str(split), erf_rest, lambda u: 1 / (1 + erf_rest(u)), 0, split**2, small_degree, precision)
    fit(name + f" erfc^(1/{root})", lambda t: m.erfc(t + center) ** (mpf(1) / root),
        lambda t: root * m.erfc(t + center) ** (1 - mpf(1) / root), split - center, high - center, large_degree, precision)


def ln2_parts(precision, zeros):
    high = rounded(m.log(2), precision - zeros)
    print("ln2", float(high).hex(), float(rounded(m.log(2) - high, precision)).hex(), float(rounded(1 / m.log(2), precision)).hex())


if __name__ == "__main__":
    tables("f32", 24, 4, 7)
    erf_tables("f32", 24, "1.09375", "3.96875", "1.5", 4, 6, 9)
    tables("f64", 53, 9, 18)
    erf_tables("f64", 53, "1.125", "5.96875", "1.125", 8, 12, 18)
    tables("f64 for pow of f32", 53, 5, 11)
    fit("f64 atanh", atanh_rest, lambda z: z**2 + mpf("1e-12"), 0, mpf("0.02945"), 7, 53)
    third = rounded(mpf(1) / 3, 53)
    print("third", float(third).hex(), float(rounded(mpf(1) / 3 - third, 53)).hex())
    ln2_parts(24, 9)
    ln2_parts(53, 12)
