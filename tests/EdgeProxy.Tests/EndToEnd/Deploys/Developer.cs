using EdgeProxy.Tests.Lab;

namespace EdgeProxy.Tests.EndToEnd.Deploys;

/// <summary>The author of the app's versions: the user <c>deploy</c> with a checkout in /srv/developer and a remote to push to, made by
/// <c>make-site</c>.</summary>
public sealed class Developer(SystemdLab lab)
{
    private const string Checkout = "/srv/developer";

    private int _branches;

    /// <summary>Pushes a branch that is another one with some files changed.</summary>
    /// <param name="from">The other one: <c>main</c> is the first version.</param>
    /// <param name="files">Path and content; null: removed.</param>
    /// <returns>The branch, and its commit as git abbreviates it.</returns>
    public async Task<(string Branch, string Commit)> PushAsync(string from, params (string Path, string? Content)[] files)
    {
        var branch = $"change-{Interlocked.Increment(ref _branches)}";
        await GitAsync("checkout", "--quiet", "-b", branch, from);
        foreach (var (path, content) in files)
        {
            var file = $"{Checkout}/{path}";
            if (content is null)
            {
                File.Delete(lab.Root + file);
            }
            else
            {
                await lab.WriteFileAsync(file, content);
            }
        }

        _ = (await lab.RunAsync("chown", "-R", "deploy:", Checkout)).Text;
        await GitAsync("add", "--all");
        await GitAsync("commit", "--quiet", "--allow-empty", "--message", $"Change {branch}");
        await GitAsync("push", "--quiet", "origin", branch);
        return (branch, await GitAsync("rev-parse", "--short", "HEAD"));
    }

    /// <summary>What git says in the checkout.</summary>
    public Task<string> GitAsync(params string[] arguments) => RunAsync(["git", "-C", Checkout, .. arguments]);

    /// <summary>What a command of the developer's says.</summary>
    public async Task<string> RunAsync(params string[] command) =>
        (await lab.RunAsync(["runuser", "-u", "deploy", "--", "env", "HOME=/home/deploy", .. command])).Text;
}
