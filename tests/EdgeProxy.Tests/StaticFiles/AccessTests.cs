using System.Runtime.InteropServices;
using EdgeProxy.StaticFiles;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.StaticFiles;

/// <summary>What the proxy's user may not read.</summary>
public sealed partial class AccessTests : IDisposable
{
    private const uint Nobody = 65534;

    private readonly TemporaryDirectory _directory = new();

    public AccessTests()
    {
        File.SetUnixFileMode(_directory.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute);
        Directory.CreateDirectory(_directory["closed"]);
        File.WriteAllText(_directory["closed/file.txt"], "x");
        File.SetUnixFileMode(_directory["closed"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.WriteAllText(_directory["secret.txt"], "x");
        File.SetUnixFileMode(_directory["secret.txt"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(_directory["public.txt"], "x");
        File.SetUnixFileMode(_directory["public.txt"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
    }

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("public.txt", "Found")]
    [InlineData("secret.txt", "Denied")]
    [InlineData("closed/file.txt", "Denied")]
    [InlineData("missing.txt", "NotFound")]
    public void A_file_is_told_apart_from_one_that_may_not_be_read(string name, string expected)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root can be somebody else for a moment");

        Assert.Equal(Enum.Parse<FileOutcome>(expected), AsNobody(() =>
        {
            var outcome = new RootDirectory(_directory.Path).Locate(name, out var located);
            using (located)
            {
                if (located is null)
                {
                    return outcome;
                }

                outcome = located.Open(out var content);
                content?.Dispose();
                return outcome;
            }
        }));
    }

    [Fact]
    public void A_root_that_may_not_be_entered_is_denied_before_anybody_asks()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root can be somebody else for a moment");

        Assert.Equal(FileOutcome.Denied, AsNobody(() => new RootDirectory(_directory["closed"]).Look()));
        Assert.Equal(FileOutcome.Found, AsNobody(() => new RootDirectory(_directory.Path).Look())); // searched, though not listed
    }

    [Theory]
    [InlineData(nameof(FileOutcome.Denied), 403)]
    [InlineData(nameof(FileOutcome.NotFound), 404)]
    [InlineData(nameof(FileOutcome.NotNow), 503)]
    public async Task Each_failure_has_its_status_and_names_no_path(string outcome, int expected)
    {
        var context = new Microsoft.AspNetCore.Http.DefaultHttpContext { Response = { Body = new MemoryStream() } };

        await StaticFileResponder.RefuseAsync(context, Enum.Parse<FileOutcome>(outcome));

        Assert.Equal(expected, context.Response.StatusCode);
        Assert.Equal(expected == 503, context.Response.Headers.RetryAfter.Count == 1);
    }

    /// <summary>A thread of its own takes another user's rights to files (setfsuid(2)), and gives up root's with it; the group stays.</summary>
    private static T AsNobody<T>(Func<T> look)
    {
        T result = default!;
        var thread = new Thread(() =>
        {
            _ = SetFileUser(Nobody);
            result = look();
            _ = SetFileUser(0);
        });
        thread.Start();
        Assert.True(thread.Join(Eventually.Patience));
        return result;
    }

    [LibraryImport("libc", EntryPoint = "setfsuid")]
    private static partial int SetFileUser(uint user);
}
