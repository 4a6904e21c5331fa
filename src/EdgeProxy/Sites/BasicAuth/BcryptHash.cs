using System.Globalization;
using System.Text.RegularExpressions;

namespace EdgeProxy.Sites.BasicAuth;

/// <summary>Bcrypt hashes in the form of crypt(5): <c>$2a$14$</c>, 22 characters of salt, 31 of hash.</summary>
internal static partial class BcryptHash
{
    public const int MinCost = 4;

    /// <summary>Four seconds on a small server.</summary>
    public const int MaxCost = 16;

    /// <summary>Whether a text is such a hash, whatever its cost.</summary>
    public static bool IsValid(string text) => Form().IsMatch(text);

    /// <summary>The logarithm of the rounds.</summary>
    public static int CostOf(string hash) => int.Parse(hash.AsSpan(4, 2), NumberStyles.None, CultureInfo.InvariantCulture);

    /// <summary>A hash that no password has in practice, as dear to check as a real one.</summary>
    public static string OfNothing(int cost) => BCrypt.Net.BCrypt.GenerateSalt(cost) + new string('.', 31);

    /// <summary>Compares in constant time. Takes as long as the cost says: milliseconds to seconds.</summary>
    public static bool Verify(string hash, string password)
    {
        try
        {
            return BCrypt.Net.BCrypt.Verify(password, hash);
        }
        catch (Exception refused) when (refused is ArgumentException or BCrypt.Net.SaltParseException)
        {
            return false; // what the library does not take for a password
        }
    }

    [GeneratedRegex(@"^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}\z")]
    private static partial Regex Form();
}
